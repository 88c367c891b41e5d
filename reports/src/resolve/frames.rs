//! From the addresses of one module to their inline chains.

use endler_snapshot::{DebugLevel, LineOwner, StrId};
use gimli::Unit;

use super::elf::{Elf, Reader};
use super::entries;
use super::functions::{self, FunctionId, Functions, Lines};
use super::lines;
use super::neighbours;
use super::sources::{self, Roots};
use super::split::Split;
use super::strings::{FixedMap, Strings};
use super::units::{Entry, UnitIndex, Units};
use super::walk::{self, Query};

/// One function of an inline chain, and the line that runs in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) function: FunctionId,
    pub(crate) file: StrId,
    pub(crate) line: u32,
}

/// What all modules of an image share.
pub(crate) struct Tables {
    pub(crate) strings: Strings,
    pub(crate) functions: Functions,
}

/// The chains of one module.
pub(crate) struct Chains {
    /// For each address, in their order: its functions, innermost first.
    pub(crate) chains: Vec<Vec<Line>>,
    /// For addresses that the optimiser gave no line to: what stands near them.
    pub(crate) near: Vec<Near>,
    pub(crate) level: DebugLevel,
}

/// What stands near an address whose own chain the optimiser cut.
pub(crate) struct Near {
    /// The address, by its position.
    pub(crate) position: usize,
    /// What was inlined near it into its innermost function, with that
    /// function's own chain behind it; the nearest first.
    pub(crate) chains: Vec<Vec<Line>>,
}

/// Looks up the rising file `addresses` of a module.
/// The file lies, or lay, at any of the `paths`.
pub(crate) fn look_up(
    elf: &Elf<'_>,
    paths: &[&str],
    addresses: &[u64],
    tables: &mut Tables,
) -> Chains {
    let sections = elf.dwarf();
    let dwarf = sections.borrow(|section| gimli::EndianSlice::new(section, gimli::LittleEndian));
    let split = Split::open(elf, &dwarf, paths);
    let mut trace = Trace {
        units: Units::new(dwarf, split.units()),
        tables,
        known: FixedMap::default(),
        sources: FixedMap::default(),
        names: FixedMap::default(),
        roots: None,
        level: DebugLevel::Nothing,
        chains: vec![Vec::new(); addresses.len()],
        bare: vec![None; addresses.len()],
        near: Vec::new(),
    };
    trace.by_dwarf(addresses);
    trace.by_symbols(elf, addresses);
    Chains {
        chains: trace.chains,
        near: trace.near,
        level: trace.level,
    }
}

/// File and line at each query. The optimiser gives line 0, and any file, to
/// code that it merged: then the file is that of the function's first line.
fn rows(unit: &Unit<Reader<'_>>, queries: &[Query]) -> Vec<Option<(u64, u32)>> {
    let addresses: Vec<u64> = queries.iter().map(|q| q.address).collect();
    let mut rows = lines::rows(unit, &addresses);
    let mut starts: Vec<(u64, usize)> = queries
        .iter()
        .zip(&rows)
        .enumerate()
        .filter_map(|(position, (query, row))| match query.calls.as_slice() {
            [only] if is_vague(row) => Some((only.start, position)),
            _ => None,
        })
        .collect();
    starts.sort_unstable();
    let addresses: Vec<u64> = starts.iter().map(|&(start, _)| start).collect();
    for (found, (_, position)) in lines::rows(unit, &addresses).into_iter().zip(starts) {
        if let (Some((file, _)), Some(row)) = (found, rows.get_mut(position)) {
            *row = Some((file, 0));
        }
    }
    rows
}

/// Whether the optimiser left no line.
fn is_vague(row: &Option<(u64, u32)>) -> bool {
    row.is_none_or(|(_, line)| line == 0)
}

struct Trace<'a, 't> {
    units: Units<'a>,
    tables: &'t mut Tables,
    /// Functions by their entry. A function without namespaces (line tables
    /// alone) is known by its file too.
    known: FixedMap<(Entry, StrId), FunctionId>,
    /// The source file of each function, by its entry.
    sources: FixedMap<Entry, StrId>,
    /// Source files by unit and index.
    names: FixedMap<(UnitIndex, u64), StrId>,
    /// The crates' root files, read where only files tell modules.
    roots: Option<Roots>,
    level: DebugLevel,
    chains: Vec<Vec<Line>>,
    /// File and line of addresses whose function has no entry.
    bare: Vec<Option<(StrId, u32)>>,
    near: Vec<Near>,
}

impl Trace<'_, '_> {
    fn by_dwarf(&mut self, addresses: &[u64]) {
        let covering = self.units.covering(addresses);
        let mut by_unit: Vec<(UnitIndex, usize)> = covering
            .iter()
            .enumerate()
            .filter_map(|(position, unit)| Some(((*unit)?, position)))
            .collect();
        by_unit.sort_unstable();
        for group in by_unit.chunk_by(|a, b| a.0 == b.0) {
            if let Some(&(unit, _)) = group.first() {
                let positions: Vec<usize> = group.iter().map(|&(_, p)| p).collect();
                self.unit(unit, &positions, addresses);
            }
        }
    }

    /// The chains of the addresses at `positions`, which lie in one unit.
    fn unit(&mut self, index: UnitIndex, positions: &[usize], addresses: &[u64]) {
        if self.units.load(index).is_none() {
            return;
        }
        let mut queries: Vec<Query> = positions
            .iter()
            .filter_map(|&p| addresses.get(p))
            .map(|&address| Query {
                address,
                calls: Vec::new(),
            })
            .collect();
        let scopes = walk::calls(&self.units, index, &mut queries);
        let has_types = scopes.has_types;
        self.units.set_scopes(index, scopes);
        let Some(unit) = self.units.unit(index) else {
            return;
        };
        let is_rust = entries::is_rust(unit);
        let rows = rows(unit, &queries);
        if is_rust && has_types {
            self.raise(DebugLevel::Full);
        }
        let mut found: Vec<_> = queries.iter().zip(rows).zip(positions).collect();
        // A line of 0 comes with any file: what is known for certain comes first.
        found.sort_by_key(|((_, row), _)| is_vague(row));
        let mut vague = Vec::new();
        for ((query, row), &position) in found {
            let chain = self.chain(index, query, row);
            if is_rust && row.is_some_and(|(_, line)| line == 0) && self.is_user(&chain) {
                vague.push((query, position));
            }
            if is_rust && !chain.is_empty() {
                self.raise(DebugLevel::Limited);
            }
            if let (true, Some((file, line))) = (chain.is_empty(), row) {
                let file = self.file(index, file);
                if let Some(slot) = self.bare.get_mut(position) {
                    *slot = Some((file, line));
                }
            }
            if let Some(slot) = self.chains.get_mut(position) {
                *slot = chain;
            }
        }
        self.near(index, &vague);
    }

    /// Whether the innermost function is the user's: library code says what it is.
    fn is_user(&self, chain: &[Line]) -> bool {
        let function = chain.first().map(|line| line.function);
        function
            .and_then(|id| self.tables.functions.get(id))
            .is_some_and(|f| f.owner == LineOwner::User)
    }

    /// What was inlined near the `vague` queries, into the same function.
    fn near(&mut self, index: UnitIndex, vague: &[(&Query, usize)]) {
        let addresses: Vec<u64> = vague.iter().map(|(query, _)| query.address).collect();
        let Some(unit) = self.units.unit(index).filter(|_| !vague.is_empty()) else {
            return;
        };
        let mut queries = neighbours::around(unit, addresses);
        walk::calls(&self.units, index, &mut queries);
        for &(query, position) in vague {
            let chains: Vec<Vec<Line>> = neighbours::of(query, &queries)
                .iter()
                .map(|near| self.chain(index, near, None))
                .collect();
            if !chains.is_empty() {
                self.near.push(Near { position, chains });
            }
        }
    }

    fn chain(&mut self, unit: UnitIndex, query: &Query, row: Option<(u64, u32)>) -> Vec<Line> {
        let mut at = row.unwrap_or((u64::MAX, 0));
        let mut chain = Vec::with_capacity(query.calls.len());
        for call in query.calls.iter().rev() {
            let mut file = self.file(unit, at.0);
            if at.1 != 0 {
                self.sources.entry(call.function).or_insert(file);
            } else if let Some(&known) = self.sources.get(&call.function) {
                file = known;
            }
            if let Some(function) = self.function(unit, call.function, file) {
                chain.push(Line {
                    function,
                    file,
                    line: at.1,
                });
            }
            at = call.called.unwrap_or((u64::MAX, 0));
        }
        chain
    }

    fn file(&mut self, unit: UnitIndex, index: u64) -> StrId {
        if let Some(&id) = self.names.get(&(unit, index)) {
            return id;
        }
        let name = self
            .units
            .unit(unit)
            .map(|u| lines::file_name(&self.units, u, index))
            .unwrap_or_default();
        let id = self.tables.strings.id(&name);
        self.names.insert((unit, index), id);
        id
    }

    /// The function at `entry`, whose code stands in `file` of `unit`'s line table.
    fn function(&mut self, unit: UnitIndex, entry: Entry, file: StrId) -> Option<FunctionId> {
        let plain = (entry, StrId(0));
        if let Some(&id) = self
            .known
            .get(&plain)
            .or_else(|| self.known.get(&(entry, file)))
        {
            return Some(id);
        }
        let described = entries::describe(&mut self.units, entry)?;
        if described.name.is_empty() && described.linkage_name.is_empty() {
            return None;
        }
        let modules = match described.scopes.is_empty() {
            true => self.modules(unit, &described.unit_crate, file),
            false => Vec::new(),
        };
        let Tables { strings, functions } = &mut *self.tables;
        let id = functions.add(functions::from_debug(&described, modules, strings));
        let key = if described.scopes.is_empty() {
            (entry, file)
        } else {
            plain
        };
        self.known.insert(key, id);
        Some(id)
    }

    /// The modules of what stands in `file` of `unit`'s line table.
    fn modules(&mut self, unit: UnitIndex, own: &str, file: StrId) -> Vec<String> {
        let roots = self
            .roots
            .get_or_insert_with(|| Roots::new(self.units.names()));
        let directory = self.units.unit(unit).and_then(|u| u.comp_dir);
        let directory = directory.map(|d| d.to_string_lossy().into_owned());
        let file = self.tables.strings.get(file);
        sources::module_path(file, &directory.unwrap_or_default(), own, roots)
    }

    /// Fills the chains that DWARF left empty from the symbol table.
    fn by_symbols(&mut self, elf: &Elf<'_>, addresses: &[u64]) {
        // The nearest symbol that begins at or before each address.
        let mut best: Vec<Option<(u64, &str)>> = vec![None; addresses.len()];
        let mut any = false;
        elf.functions(|start, size, name| {
            any = true;
            let end = start.saturating_add(size);
            let from = addresses.partition_point(|&a| a < start);
            let to = addresses.partition_point(|&a| a < end);
            for slot in best.get_mut(from..to).unwrap_or(&mut []) {
                if slot.is_none_or(|(other, _)| other < start) {
                    *slot = Some((start, name));
                }
            }
        });
        if any {
            self.raise(DebugLevel::Symbols);
        }
        let mut known: FixedMap<(&str, Lines), FunctionId> = FixedMap::default();
        for ((chain, symbol), bare) in self.chains.iter_mut().zip(best).zip(&self.bare) {
            if let (true, Some((_, name))) = (chain.is_empty(), symbol) {
                let Tables { strings, functions } = &mut *self.tables;
                let lines = if bare.is_some() {
                    Lines::Known
                } else {
                    Lines::Unknown
                };
                let function = *known
                    .entry((name, lines))
                    .or_insert_with(|| functions.add(functions::from_symbol(name, lines, strings)));
                let (file, line) = bare.unwrap_or_default();
                chain.push(Line {
                    function,
                    file,
                    line,
                });
            }
        }
    }

    fn raise(&mut self, level: DebugLevel) {
        let rank = |level| match level {
            DebugLevel::Full => 3,
            DebugLevel::Limited => 2,
            DebugLevel::Symbols => 1,
            DebugLevel::Nothing => 0,
        };
        if rank(level) > rank(self.level) {
            self.level = level;
        }
    }
}
