//! Type names as rustc writes them into DWARF, as a tree, and back as the
//! text that tables print.
//!
//! `alloc::vec::Vec<alloc::boxed::Box<(dyn crawl::Rule + core::marker::Send),
//! alloc::alloc::Global>, alloc::alloc::Global>` becomes
//! `Vec<Box<dyn crawl::Rule + core::marker::Send>>`: the std containers are
//! short, default arguments and DWARF's parentheses are left out, all else
//! keeps its definition path.
//!
//! The tree is an arena and every walk over it keeps its own stack, so a name
//! of any length and nesting costs memory in proportion and no recursion. A
//! name that does not parse stays as it is.
//!
//! Source: `compiler/rustc_codegen_ssa/src/debuginfo/type_names.rs` of rustc.

mod parse;
mod print;
#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests;

/// A node of a [`TypeName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(usize);

/// One segment of a path: `Vec<T>` of `alloc::vec::Vec<T>`.
#[derive(Clone, Debug)]
struct Segment<'t> {
    name: &'t str,
    args: Vec<NodeId>,
}

#[derive(Clone, Debug)]
enum Node<'t> {
    Path(Vec<Segment<'t>>),
    /// `&`, `&mut `, `*const `, `*mut `.
    Prefix(&'static str, NodeId),
    Slice(NodeId),
    Array(NodeId, &'t str),
    Tuple(Vec<NodeId>),
    /// The words up to `fn`, the parameters, the result.
    Function(&'t str, Vec<NodeId>, Option<NodeId>),
    Dyn(Vec<NodeId>),
    /// `Item=T` among generic arguments.
    Binding(&'t str, NodeId),
    /// What is not understood: kept as it is.
    Verbatim(&'t str),
}

/// A parsed type name, or a parsed function name with its generic arguments.
#[derive(Clone, Debug)]
pub(crate) struct TypeName<'t> {
    nodes: Vec<Node<'t>>,
    root: NodeId,
}

impl<'t> TypeName<'t> {
    /// Parses `text`; what does not parse becomes one verbatim node.
    pub(crate) fn parse(text: &'t str) -> TypeName<'t> {
        parse::Parser::new(text).run().unwrap_or_else(|| TypeName {
            nodes: vec![Node::Verbatim(text)],
            root: NodeId(0),
        })
    }

    /// The node of the whole name.
    pub(crate) fn root(&self) -> NodeId {
        self.root
    }

    fn node(&self, id: NodeId) -> Option<&Node<'t>> {
        self.nodes.get(id.0)
    }

    /// The text that tables print for the type at `id`.
    pub(crate) fn canonical(&self, id: NodeId) -> String {
        print::print(self, id)
    }

    /// The path of a node without generic arguments (`alloc::vec::Vec`);
    /// none if it is not a path.
    pub(crate) fn path(&self, id: NodeId) -> Option<String> {
        let Node::Path(segments) = self.node(id)? else {
            return None;
        };
        let names: Vec<&str> = segments.iter().map(|s| s.name).collect();
        Some(names.join("::"))
    }

    /// The generic arguments of a path's last segment.
    pub(crate) fn args(&self, id: NodeId) -> &[NodeId] {
        match self.node(id) {
            Some(Node::Path(segments)) => segments.last().map_or(&[], |s| &s.args),
            _ => &[],
        }
    }

    /// Whether this is an argument that tables leave out: the allocator
    /// `Global`, std's or hashbrown's default hasher.
    pub(crate) fn is_default(&self, id: NodeId) -> bool {
        print::is_default(self, id)
    }

    /// The element of a slice or array type, and whether it is an array.
    pub(crate) fn element(&self, id: NodeId) -> Option<(NodeId, bool)> {
        match self.node(id)? {
            Node::Slice(of) => Some((*of, false)),
            Node::Array(of, _) => Some((*of, true)),
            _ => None,
        }
    }

    /// The members of a tuple.
    pub(crate) fn tuple(&self, id: NodeId) -> Option<&[NodeId]> {
        match self.node(id)? {
            Node::Tuple(members) => Some(members),
            _ => None,
        }
    }

    /// The type behind references and raw pointers, or the type itself.
    pub(crate) fn pointee(&self, mut id: NodeId) -> NodeId {
        // A child is made before its parent, so its id is smaller: this ends.
        while let Some(Node::Prefix(_, of)) = self.node(id) {
            if of.0 >= id.0 {
                break;
            }
            id = *of;
        }
        id
    }
}

/// The canonical text of one type name.
pub(crate) fn canonical(text: &str) -> String {
    let parsed = TypeName::parse(text);
    parsed.canonical(parsed.root())
}
