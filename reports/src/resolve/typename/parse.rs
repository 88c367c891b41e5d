//! The parser: a shift-reduce loop over an explicit stack of open brackets.

use super::{Node, NodeId, Segment, TypeName};

/// A construct whose inner type is being read.
enum Open<'t> {
    Prefix(&'static str),
    Bracket,
    Paren(Vec<NodeId>),
    Function(&'t str, Vec<NodeId>),
    Result(&'t str, Vec<NodeId>),
    Dyn(Vec<NodeId>),
    Path(Vec<Segment<'t>>),
    Binding(&'t str),
}

/// What reading on gave.
enum Step {
    /// A finished type.
    Done(NodeId),
    /// Something opened: a type must follow.
    Opened,
}

pub(super) struct Parser<'t> {
    rest: &'t str,
    nodes: Vec<Node<'t>>,
    open: Vec<Open<'t>>,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Parser<'t> {
        Parser {
            rest: text,
            nodes: Vec::new(),
            open: Vec::new(),
        }
    }

    /// Parses the whole text; none if it is not a type name.
    pub(super) fn run(mut self) -> Option<TypeName<'t>> {
        loop {
            let mut step = self.start()?;
            while let Step::Done(node) = step {
                match self.open.pop() {
                    Some(open) => step = self.reduce(open, node)?,
                    None => {
                        self.spaces();
                        return self.rest.is_empty().then_some(TypeName {
                            nodes: self.nodes,
                            root: node,
                        });
                    }
                }
            }
        }
    }

    fn add(&mut self, node: Node<'t>) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }

    fn spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    fn eat(&mut self, token: &str) -> bool {
        self.spaces();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn open(&mut self, open: Open<'t>) -> Step {
        self.open.push(open);
        Step::Opened
    }

    /// Reads the beginning of a type.
    fn start(&mut self) -> Option<Step> {
        for (token, prefix) in [
            ("&mut ", "&mut "),
            ("&", "&"),
            ("*const ", "*const "),
            ("*mut ", "*mut "),
        ] {
            if self.eat(token) {
                return Some(self.open(Open::Prefix(prefix)));
            }
        }
        if self.eat("[") {
            return Some(self.open(Open::Bracket));
        }
        if self.eat("(") {
            if self.eat(")") {
                return Some(Step::Done(self.add(Node::Tuple(Vec::new()))));
            }
            return Some(self.open(Open::Paren(Vec::new())));
        }
        if self.eat("dyn ") {
            return Some(self.open(Open::Dyn(Vec::new())));
        }
        if self.eat("!") {
            return Some(Step::Done(self.add(Node::Verbatim("!"))));
        }
        if self.eat("...") {
            return Some(Step::Done(self.add(Node::Verbatim("..."))));
        }
        if let Some(words) = self.function_words() {
            if self.eat(")") {
                return Some(self.result(words, Vec::new()));
            }
            return Some(self.open(Open::Function(words, Vec::new())));
        }
        self.path(Vec::new())
    }

    /// `fn(`, `unsafe extern "C" fn(`: gives the words before the bracket.
    fn function_words(&mut self) -> Option<&'t str> {
        self.spaces();
        let words = ["fn(", "unsafe ", "extern "];
        if !words.iter().any(|w| self.rest.starts_with(w)) {
            return None;
        }
        let end = self.rest.find("fn(")?;
        let before = self.rest.get(..end)?;
        if before.contains(['<', '>', ',', '(', ')', ';']) {
            return None;
        }
        let all = self.rest.get(..end + 2)?;
        self.rest = self.rest.get(end + 3..)?;
        Some(all)
    }

    /// After a function type's closing bracket.
    fn result(&mut self, words: &'t str, params: Vec<NodeId>) -> Step {
        if self.eat("->") {
            return self.open(Open::Result(words, params));
        }
        Step::Done(self.add(Node::Function(words, params, None)))
    }

    /// Reads segments, up to the end of the path or into generic arguments.
    fn path(&mut self, mut segments: Vec<Segment<'t>>) -> Option<Step> {
        loop {
            let name = self.name()?;
            if segments.is_empty() && self.rest.starts_with('=') {
                self.rest = self.rest.get(1..)?;
                return Some(self.open(Open::Binding(name)));
            }
            segments.push(Segment {
                name,
                args: Vec::new(),
            });
            if self.rest.starts_with('<') {
                self.rest = self.rest.get(1..)?;
                if !self.eat(">") {
                    return Some(self.open(Open::Path(segments)));
                }
            }
            match self.rest.strip_prefix("::") {
                Some(rest) => self.rest = rest,
                None => return Some(Step::Done(self.add(Node::Path(segments)))),
            }
        }
    }

    /// An identifier, a literal, or `{closure_env#0}`.
    fn name(&mut self) -> Option<&'t str> {
        self.spaces();
        let end = if self.rest.starts_with('{') {
            closing_brace(self.rest)?
        } else if let Some(quoted) = self.rest.strip_prefix('\'') {
            // A character as const argument may be any character.
            let inner = quoted.char_indices().skip(1).find(|&(_, c)| c == '\'')?.0;
            inner + 2
        } else {
            let stop = |c: char| "<>,;()[]{}=+&* ".contains(c);
            let plain = self.rest.find(stop).unwrap_or(self.rest.len());
            // Only up to there, or a long list would be searched once a name.
            self.rest.get(..plain)?.find("::").unwrap_or(plain)
        };
        let name = self.rest.get(..end)?;
        self.rest = self.rest.get(end..)?;
        (!name.is_empty()).then_some(name)
    }

    /// Puts a finished type into the construct around it.
    fn reduce(&mut self, open: Open<'t>, node: NodeId) -> Option<Step> {
        match open {
            Open::Prefix(prefix) => Some(Step::Done(self.add(Node::Prefix(prefix, node)))),
            Open::Binding(name) => Some(Step::Done(self.add(Node::Binding(name, node)))),
            Open::Bracket => {
                if self.eat("]") {
                    return Some(Step::Done(self.add(Node::Slice(node))));
                }
                if !self.eat(";") {
                    return None;
                }
                self.spaces();
                let end = self.rest.find(']')?;
                let length = self.rest.get(..end)?;
                self.rest = self.rest.get(end + 1..)?;
                Some(Step::Done(self.add(Node::Array(node, length))))
            }
            Open::Paren(mut members) => {
                members.push(node);
                let comma = self.eat(",");
                if !self.eat(")") {
                    return comma.then(|| self.open(Open::Paren(members)));
                }
                // rustc writes a tuple of one as `(T)`; round brackets that only
                // group stand around `dyn` with several bounds.
                let groups = matches!(self.nodes.get(node.0), Some(Node::Dyn(_)));
                if members.len() == 1 && !comma && groups {
                    return Some(Step::Done(node));
                }
                Some(Step::Done(self.add(Node::Tuple(members))))
            }
            Open::Function(words, mut params) => {
                params.push(node);
                if self.eat(",") {
                    return Some(self.open(Open::Function(words, params)));
                }
                self.eat(")").then(|| self.result(words, params))
            }
            Open::Result(words, params) => Some(Step::Done(self.add(Node::Function(
                words,
                params,
                Some(node),
            )))),
            Open::Dyn(mut bounds) => {
                bounds.push(node);
                if self.eat("+") {
                    return Some(self.open(Open::Dyn(bounds)));
                }
                Some(Step::Done(self.add(Node::Dyn(bounds))))
            }
            Open::Path(mut segments) => {
                segments.last_mut()?.args.push(node);
                if self.eat(",") {
                    return Some(self.open(Open::Path(segments)));
                }
                if !self.eat(">") {
                    return None;
                }
                match self.rest.strip_prefix("::") {
                    Some(rest) => {
                        self.rest = rest;
                        self.path(segments)
                    }
                    None => Some(Step::Done(self.add(Node::Path(segments)))),
                }
            }
        }
    }
}

/// The end of the braces that `text` begins with.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}
