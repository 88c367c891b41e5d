//! A small language: tokens, a tree of boxed and listed nodes, scopes of values, a
//! compiler to flat code, and a printer.

#![allow(dead_code, reason = "fields are there to have a size")]

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::hint::black_box;
use std::iter::Peekable;
use std::process::ExitCode;
use std::rc::Rc;
use std::vec::IntoIter;

use book::{Book, Name};

#[global_allocator]
static HEAP: book::Heap = book::heap();

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Word(Rc<str>),
    Sign(char),
}

#[derive(Clone, Debug)]
struct Placed {
    token: Token,
    line: u32,
    comment: Option<Box<str>>,
}

#[derive(Clone, Debug)]
enum Expr {
    Number(f64),
    Text(String),
    Name(Rc<str>),
    Binary(Box<Binary>),
    Negated(Box<Expr>),
    Call {
        function: Box<Expr>,
        arguments: Vec<Expr>,
    },
    List(Vec<Expr>),
    Lambda(Rc<Lambda>),
}

#[derive(Clone, Debug)]
struct Binary {
    sign: char,
    left: Expr,
    right: Expr,
}

#[derive(Clone, Debug)]
struct Lambda {
    parameters: Vec<Rc<str>>,
    body: Vec<Statement>,
}

#[derive(Clone, Debug)]
enum Statement {
    Let(Rc<str>, Expr),
    If {
        condition: Expr,
        then: Vec<Statement>,
        otherwise: Option<Vec<Statement>>,
    },
    Expr(Box<Expr>),
}

/// Each word is kept once.
#[derive(Default)]
struct Words {
    known: HashMap<Rc<str>, u32>,
}

impl Words {
    fn intern(&mut self, word: &str) -> Rc<str> {
        if let Some((known, _)) = self.known.get_key_value(word) {
            return known.clone();
        }
        let new: Rc<str> = word.into();
        self.known.insert(new.clone(), self.known.len() as u32);
        new
    }
}

fn tokens(text: &str, words: &mut Words) -> Vec<Placed> {
    let mut tokens: Vec<Placed> = Vec::new();
    let mut chars = text.chars().peekable();
    let mut line = 1;
    while let Some(&c) = chars.peek() {
        let token = match c {
            '\n' => {
                line += 1;
                chars.next();
                continue;
            }
            c if c.is_whitespace() => {
                chars.next();
                continue;
            }
            '#' => {
                let comment: String = std::iter::from_fn(|| chars.next_if(|&c| c != '\n'))
                    .skip(2)
                    .collect();
                if let Some(last) = tokens.last_mut() {
                    last.comment = Some(comment.into());
                }
                continue;
            }
            '0'..='9' => {
                let mut digits = String::new();
                while let Some(c) = chars.next_if(|&c| c.is_ascii_digit() || c == '.') {
                    digits.push(c);
                }
                Token::Number(digits.parse().unwrap_or(f64::NAN))
            }
            '"' => {
                chars.next();
                let text = chars.by_ref().take_while(|&c| c != '"').collect();
                Token::Text(text)
            }
            c if c.is_alphabetic() => {
                let mut word = String::with_capacity(12);
                while let Some(c) = chars.next_if(|&c| c.is_alphanumeric() || c == '_') {
                    word.push(c);
                }
                Token::Word(words.intern(&word))
            }
            c => {
                chars.next();
                Token::Sign(c)
            }
        };
        tokens.push(Placed {
            token,
            line,
            comment: None,
        });
    }
    tokens
}

struct Parser {
    tokens: Peekable<IntoIter<Placed>>,
    errors: Vec<(u32, String)>,
}

impl Parser {
    fn is(&mut self, sign: char) -> bool {
        let is = |one: &Placed| one.token == Token::Sign(sign);
        self.tokens.next_if(is).is_some()
    }

    fn word(&mut self, word: &str) -> bool {
        let is = |one: &Placed| matches!(&one.token, Token::Word(own) if **own == *word);
        self.tokens.next_if(is).is_some()
    }

    fn block(&mut self) -> Vec<Statement> {
        let mut statements = Vec::new();
        if !self.is('{') {
            return statements;
        }
        while !self.is('}') && self.tokens.peek().is_some() {
            statements.push(self.statement());
        }
        statements
    }

    fn statement(&mut self) -> Statement {
        if self.word("if") {
            let condition = self.expr(0);
            let then = self.block();
            let otherwise = self.word("else").then(|| self.block());
            return Statement::If {
                condition,
                then,
                otherwise,
            };
        }
        if self.word("let") {
            let next = self.tokens.next().map(|one| one.token);
            let Some(Token::Word(name)) = next else {
                self.errors.push((0, format!("no name but {next:?}")));
                return Statement::Expr(Box::new(Expr::Number(0.0)));
            };
            if !self.is('=') {
                self.errors.push((0, format!("no value for {name}")));
            }
            let value = self.expr(0);
            self.is(';');
            return Statement::Let(name, value);
        }
        let expr = self.expr(0);
        self.is(';');
        Statement::Expr(Box::new(expr))
    }

    fn expr(&mut self, least: u8) -> Expr {
        let mut left = self.simple();
        while let Some(Placed {
            token: Token::Sign(sign),
            ..
        }) = self.tokens.peek()
        {
            let sign = *sign;
            let level = match sign {
                '<' | '>' => 1,
                '+' | '-' => 2,
                '*' | '/' => 3,
                _ => break,
            };
            if level <= least {
                break;
            }
            self.tokens.next();
            let right = self.expr(level);
            left = Expr::Binary(Box::new(Binary { sign, left, right }));
        }
        left
    }

    fn listed(&mut self, end: char) -> Vec<Expr> {
        let mut all = Vec::new();
        while !self.is(end) && self.tokens.peek().is_some() {
            all.push(self.expr(0));
            self.is(',');
        }
        all
    }

    fn simple(&mut self) -> Expr {
        let Some(Placed { token, line, .. }) = self.tokens.next() else {
            self.errors.push((0, "the text ends too soon".to_string()));
            return Expr::Number(0.0);
        };
        let mut found = match token {
            Token::Number(number) => Expr::Number(number),
            Token::Text(text) => Expr::Text(text),
            Token::Word(word) if &*word == "fn" => {
                self.is('(');
                let parameters = self
                    .listed(')')
                    .into_iter()
                    .filter_map(|one| match one {
                        Expr::Name(name) => Some(name),
                        _ => None,
                    })
                    .collect();
                let body = self.block();
                Expr::Lambda(Rc::new(Lambda { parameters, body }))
            }
            Token::Word(word) => Expr::Name(word),
            Token::Sign('-') => Expr::Negated(self.simple().into()),
            Token::Sign('[') => Expr::List(self.listed(']')),
            Token::Sign('(') => {
                let inner = self.expr(0);
                self.is(')');
                inner
            }
            Token::Sign(sign) => {
                self.errors
                    .push((line, format!("{sign} at the beginning of a value")));
                Expr::Number(0.0)
            }
        };
        while self.is('(') {
            found = Expr::Call {
                function: Box::new(found),
                arguments: self.listed(')'),
            };
        }
        found
    }
}

fn expr(book: &mut Book, one: &Expr) {
    match one {
        Expr::Number(_) | Expr::Name(_) => {}
        Expr::Text(text) => _ = book.string(text),
        Expr::Binary(binary) => {
            book.boxed(binary);
            expr(book, &binary.left);
            expr(book, &binary.right);
        }
        Expr::Negated(inner) => {
            book.boxed(inner);
            expr(book, inner);
        }
        Expr::Call {
            function,
            arguments,
        } => {
            book.boxed(function).vec(arguments);
            expr(book, function);
            arguments.iter().for_each(|one| expr(book, one));
        }
        Expr::List(all) => {
            book.vec(all);
            all.iter().for_each(|one| expr(book, one));
        }
        Expr::Lambda(lambda) => {
            // The list of parameters took the place of the expressions.
            let was = Name::of::<Vec<Expr>>();
            book.rc(lambda)
                .vec_as(&lambda.parameters, Name::of::<Vec<Rc<str>>>().was(was));
            statements(book, &lambda.body);
        }
    }
}

fn statements(book: &mut Book, all: &Vec<Statement>) {
    book.vec(all);
    for one in all {
        match one {
            Statement::Let(_, value) => expr(book, value),
            Statement::If {
                condition,
                then,
                otherwise,
            } => {
                expr(book, condition);
                statements(book, then);
                if let Some(otherwise) = otherwise {
                    statements(book, otherwise);
                }
            }
            Statement::Expr(value) => {
                book.boxed(value);
                expr(book, value);
            }
        }
    }
}

fn source(n: usize) -> String {
    let mut text = String::new();
    for m in 0..n % 7 + 3 {
        write!(
            text,
            "let a{m} = {m} * ({n} + 2.5) - -x; # the value of line {m}\n\
             let f{m} = fn(x, y, z{m}) {{ let s = x + y * a{m}; s - z{m} / 2 }};\n\
             if a{m} < 10 + b {{ f{m}(a{m}, [1, 2, \"three {m}\"], \"four\"); }}\n\
             else {{ print(\"line {m} of {n}\"); let b = [[{m}], [x, y], []]; }}\n"
        )
        .expect("it fits");
    }
    text
}

#[derive(Clone, Debug)]
enum Code {
    Push(usize),
    Load(Rc<str>),
    Store(Rc<str>),
    Apply(char),
    Call(u8),
    Jump { unless: bool, to: usize },
    Make(Rc<Unit>),
    List(u32),
}

#[derive(Clone, Debug, Default)]
struct Unit {
    code: Vec<Code>,
    constants: Vec<Constant>,
    lines: BTreeMap<usize, String>,
}

#[derive(Clone, Debug)]
enum Constant {
    Number(f64),
    Text(Box<str>),
}

impl Unit {
    fn constant(&mut self, constant: Constant) {
        self.constants.push(constant);
        self.code.push(Code::Push(self.constants.len() - 1));
    }

    fn expr(&mut self, one: &Expr) {
        match one {
            Expr::Number(number) => self.constant(Constant::Number(*number)),
            Expr::Text(text) => self.constant(Constant::Text(text.as_str().into())),
            Expr::Name(name) => self.code.push(Code::Load(name.clone())),
            Expr::Binary(binary) => {
                self.expr(&binary.left);
                self.expr(&binary.right);
                self.code.push(Code::Apply(binary.sign));
            }
            Expr::Negated(inner) => {
                self.expr(inner);
                self.code.push(Code::Apply('~'));
            }
            Expr::Call {
                function,
                arguments,
            } => {
                arguments.iter().for_each(|one| self.expr(one));
                self.expr(function);
                self.code.push(Code::Call(arguments.len() as u8));
            }
            Expr::List(all) => {
                all.iter().for_each(|one| self.expr(one));
                self.code.push(Code::List(all.len() as u32));
            }
            Expr::Lambda(lambda) => {
                let mut unit = Unit::default();
                let stores = lambda.parameters.iter().rev().cloned().map(Code::Store);
                unit.code.extend(stores);
                unit.all(&lambda.body);
                self.code.push(Code::Make(Rc::new(unit)));
            }
        }
    }

    fn all(&mut self, statements: &[Statement]) {
        for one in statements {
            match one {
                Statement::Let(name, value) => {
                    self.lines.insert(self.code.len(), format!("let {name}"));
                    self.expr(value);
                    self.code.push(Code::Store(Rc::clone(name)));
                }
                Statement::If {
                    condition,
                    then,
                    otherwise,
                } => {
                    self.expr(condition);
                    let at = self.code.len();
                    self.code.push(Code::Jump {
                        unless: true,
                        to: 0,
                    });
                    self.all(then);
                    let to = self.code.len();
                    self.code[at] = Code::Jump { unless: true, to };
                    self.all(otherwise.as_deref().unwrap_or_default());
                }
                Statement::Expr(value) => self.expr(value),
            }
        }
    }

    fn register(&self, book: &mut Book) {
        book.vec(&self.code)
            .vec(&self.constants)
            .btree_map(&self.lines)
            .strings(self.lines.values());
        for one in &self.constants {
            if let Constant::Text(text) = one {
                let was = Name::of::<Box<[u8]>>();
                book.boxed_as(text, Name::of::<Box<str>>().was(was));
            }
        }
        for one in &self.code {
            if let Code::Make(unit) = one {
                book.rc(unit);
                unit.register(book);
            }
        }
    }
}

/// Values by name, in scopes that know the one around them.
#[derive(Debug)]
struct Scope {
    values: RefCell<HashMap<Rc<str>, Datum>>,
    outer: Option<Rc<Scope>>,
}

#[derive(Clone, Debug)]
enum Datum {
    Number(f64),
    Text(Rc<String>),
    List(Rc<RefCell<Vec<Datum>>>),
    Function(Rc<Lambda>, Rc<Scope>),
}

fn evaluate(one: &Expr, scope: &Rc<Scope>) -> Datum {
    match one {
        Expr::Number(number) => Datum::Number(*number),
        Expr::Text(text) => Datum::Text(Rc::new(text.clone())),
        Expr::Name(name) => {
            let mut at = Some(scope);
            while let Some(scope) = at {
                if let Some(found) = scope.values.borrow().get(name) {
                    return found.clone();
                }
                at = scope.outer.as_ref();
            }
            Datum::Number(1.0)
        }
        Expr::Binary(binary) => {
            match (
                evaluate(&binary.left, scope),
                evaluate(&binary.right, scope),
            ) {
                (Datum::Number(a), Datum::Number(b)) => Datum::Number(match binary.sign {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    _ => a / b,
                }),
                (other, _) => other,
            }
        }
        Expr::Negated(inner) => evaluate(inner, scope),
        Expr::List(all) => {
            let all = all.iter().map(|one| evaluate(one, scope)).collect();
            Datum::List(Rc::new(RefCell::new(all)))
        }
        Expr::Lambda(lambda) => Datum::Function(lambda.clone(), scope.clone()),
        Expr::Call {
            function,
            arguments,
        } => {
            let arguments: Vec<Datum> = arguments.iter().map(|one| evaluate(one, scope)).collect();
            match evaluate(function, scope) {
                Datum::Function(lambda, outer) => {
                    let values = lambda.parameters.iter().cloned().zip(arguments).collect();
                    let inner = Rc::new(Scope {
                        values: RefCell::new(values),
                        outer: Some(outer),
                    });
                    run(&lambda.body, &inner);
                    Datum::Number(0.5)
                }
                other => other,
            }
        }
    }
}

fn run(all: &[Statement], scope: &Rc<Scope>) {
    for one in all {
        match one {
            Statement::Let(name, value) => {
                let value = evaluate(value, scope);
                scope.values.borrow_mut().insert(name.clone(), value);
            }
            Statement::If {
                then, otherwise, ..
            } => {
                run(then, scope);
                run(otherwise.as_deref().unwrap_or_default(), scope);
            }
            Statement::Expr(value) => drop(evaluate(value, scope)),
        }
    }
}

fn datum(book: &mut Book, one: &Datum) {
    match one {
        Datum::Number(_) | Datum::Function(..) => {}
        Datum::Text(text) => _ = book.rc(text).string(text),
        Datum::List(list) => {
            book.rc(list).vec(&*list.borrow());
            list.borrow().iter().for_each(|one| datum(book, one));
        }
    }
}

fn main() -> ExitCode {
    let mut book = Book::new("fresh_parser").fresh();
    let mut words = Words::default();
    let mut programs: Vec<(Vec<Placed>, Vec<Statement>)> = Vec::new();
    let mut units: Vec<Box<Unit>> = Vec::new();
    let mut errors = Vec::new();
    for n in 0..36 {
        let text = source(n);
        let tokens = tokens(&text, &mut words);
        let mut parser = Parser {
            tokens: tokens.clone().into_iter().peekable(),
            errors: Vec::new(),
        };
        let mut program = Vec::new();
        while parser.tokens.peek().is_some() {
            program.push(parser.statement());
        }
        errors.append(&mut parser.errors);
        let mut unit = Box::<Unit>::default();
        unit.all(&program);
        units.push(unit);
        programs.push((tokens, program));
    }
    // Cut off in the middle, so that there is something to say about it.
    for n in 1..30 {
        let text = source(2);
        let tokens = tokens(
            &text[n * 5..text.len() - n * 7].replace('=', ")"),
            &mut words,
        );
        let mut parser = Parser {
            tokens: tokens.into_iter().peekable(),
            errors: std::mem::take(&mut errors),
        };
        while parser.tokens.peek().is_some() {
            parser.statement();
        }
        errors = parser.errors;
    }
    let scopes: Vec<Rc<Scope>> = programs
        .iter()
        .take(12)
        .map(|(_, program)| {
            let scope = Rc::new(Scope {
                values: RefCell::default(),
                outer: None,
            });
            run(program, &scope);
            scope
        })
        .collect();
    let copy: Vec<Statement> = programs[5].1.clone();

    book.hash_map(&words.known);
    for word in words.known.keys() {
        book.rc_as(word, Name::of::<Rc<str>>().was(Name::of::<Rc<[u8]>>()));
    }
    book.vec(&programs).vec(&units).vec(&errors);
    book.strings(errors.iter().map(|error| &error.1));
    for (tokens, program) in &programs {
        book.vec(tokens);
        for one in tokens {
            if let Token::Text(text) = &one.token {
                book.string(text);
            }
            if let Some(comment) = &one.comment {
                book.boxed_as(comment, Name::of::<Box<str>>().was(Name::of::<String>()));
            }
        }
        statements(&mut book, program);
    }
    statements(&mut book, &copy);
    for unit in &units {
        book.boxed(unit);
        unit.register(&mut book);
    }
    book.vec(&scopes);
    for scope in &scopes {
        book.rc(scope).hash_map(&*scope.values.borrow());
        scope
            .values
            .borrow()
            .values()
            .for_each(|one| datum(&mut book, one));
    }
    let code = book.compare();
    drop(black_box((words, programs, units, errors, scopes, copy)));
    code
}
