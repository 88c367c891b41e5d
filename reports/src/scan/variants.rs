//! The steps for enums and for the state machines of async functions: by the
//! value of a discriminant, one of several structures.

use super::book::Book;
use super::compile::{Spot, field_name};
use super::program::Op;
use crate::layout::{Data, Shape, TypeIx, Variant};

impl Book<'_> {
    #[allow(clippy::too_many_arguments, reason = "the parts of one shape")]
    pub(super) fn enumeration(
        &mut self,
        of: TypeIx,
        data: &Data,
        discriminant: Option<(u64, u64)>,
        variants: &[Variant],
        at: u64,
        spot: &Spot,
        ops: &mut Vec<Op>,
    ) {
        let (inner, owned) = self.enter(of, spot);
        let is_state = ["{async_", "{gen_", "{coroutine"]
            .iter()
            .any(|p| data.name.starts_with(p));
        let mut cases = Vec::new();
        let mut otherwise = None;
        for variant in variants {
            let mut body = Vec::new();
            let base = at.saturating_add(variant.fields.offset);
            if is_state {
                self.state(data, variants, variant, base, &inner, &mut body);
            } else {
                let inner = if owned {
                    inner.with(&format!("::{}", variant.fields.name))
                } else {
                    inner.clone()
                };
                self.variant(variant, base, &inner, owned, &mut body);
            }
            match variant.value {
                Some(value) => cases.push((value, body.into())),
                None => otherwise = Some(body.into()),
            }
        }
        match discriminant {
            Some((offset, size)) => {
                let holds = |ops: &[Op]| !ops.is_empty();
                if cases.iter().any(|(_, ops): &(u64, Box<[Op]>)| holds(ops))
                    || otherwise.as_deref().is_some_and(holds)
                {
                    ops.push(Op::Switch {
                        at: at.saturating_add(offset),
                        size,
                        cases: cases.into(),
                        otherwise,
                    });
                }
            }
            // With one variant there is nothing to tell apart.
            None if variants.len() == 1 => {
                let only = otherwise.or_else(|| cases.pop().map(|(_, ops)| ops));
                ops.extend(only.unwrap_or_default());
            }
            None if variants.is_empty() => {}
            None => ops.push(Op::Words {
                at,
                len: data.size.unwrap_or(0),
            }),
        }
    }

    /// The fields of one variant.
    fn variant(
        &mut self,
        variant: &Variant,
        base: u64,
        spot: &Spot,
        owned: bool,
        ops: &mut Vec<Op>,
    ) {
        let fields = self.layouts.data(variant.fields.of);
        let Shape::Struct(fields) = &fields.shape else {
            return;
        };
        for field in fields {
            let at = base.saturating_add(field.offset);
            if owned {
                self.value(field.of, at, &spot.with(&field_name(&field.name)), ops);
            } else {
                self.value(field.of, at, spot, ops);
            }
        }
    }

    /// The variables of one state of an async function.
    fn state(
        &mut self,
        data: &Data,
        variants: &[Variant],
        variant: &Variant,
        base: u64,
        spot: &Spot,
        ops: &mut Vec<Op>,
    ) {
        let inside = self.layouts.data(variant.fields.of);
        let Shape::Struct(fields) = &inside.shape else {
            return;
        };
        let state = &inside.name;
        if matches!(&**state, "Returned" | "Panicked") {
            return;
        }
        // What was captured stands in every state, but an async function moves
        // its arguments out of there at its start.
        let mut captured = Vec::new();
        if state.starts_with("Suspend") {
            for other in variants {
                let first = self.layouts.data(other.fields.of);
                if let (Shape::Struct(fields), "Unresumed") = (&first.shape, &*first.name) {
                    captured.extend(fields.iter().map(|f| (f.name.clone(), f.offset)));
                }
            }
        }
        let mut seen: Vec<(&str, u64)> = Vec::new();
        for field in fields {
            if seen.contains(&(&*field.name, field.offset)) {
                continue;
            }
            seen.push((&field.name, field.offset));
            let name = format!(
                ".{}",
                field.name.strip_prefix("_ref__").unwrap_or(&field.name)
            );
            let at = base.saturating_add(field.offset);
            let is_captured = captured
                .iter()
                .any(|(n, o)| *n == field.name && *o == field.offset);
            if !is_captured {
                self.value(field.of, at, &spot.with(&name), ops);
            } else if !data.name.starts_with("{async_fn_env") {
                let body = self.body(field.of, at, &spot.with(&name));
                ops.push(Op::Guess { body });
            }
        }
    }
}
