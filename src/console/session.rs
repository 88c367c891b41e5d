//! One connection: its lines, answered one after the other.
//!
//! ```text
//!  line ─► parse ─► nothing needed ─► answered here
//!                   phase, dump    ─► done here, a dump on the profiler's thread
//!                   a heap         ─► the copy that there is, or a new one
//!                   a new heap     ─► a new copy; the one before it ends
//! ```
//!
//! Whatever is waited for, the peer is looked at meanwhile: an interrupt or the end of
//! the connection ends the copy.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use endler_allocator::freeze;
use endler_reports::console::{HostCall, Names, Needs, Statement, parse};

use super::connection::{Client, Gone, What};
use super::copies::{Begun, Copy, Ended, HEAPS, Kept};
use super::frames::{Request, Told};
use super::lines::{Event, LONGEST};
use super::outside;
use super::system::{READ, WRITE, wait};
use super::target::{self, Reach, Target};
use super::until::Until;
use super::wants::{Want, Wants};
use crate::console::Options;
use crate::stay::Level;
use crate::{Error, profiler};

/// How long a connection may be silent.
const SILENT: Duration = Duration::from_secs(3600);
/// How often the peer is looked at while another thread of this process works.
const LOOK: Duration = Duration::from_millis(20);

/// Why there is no answer.
enum Stopped {
    /// The peer is gone, or the console ends.
    Gone,
    /// The peer wants it no more.
    Interrupted,
    /// The copy has ended.
    Died(freeze::Error),
    /// It took too long.
    Late,
    /// No copy could be made, or nothing of what was asked could be done.
    Failed(Error),
}

impl From<Gone> for Stopped {
    fn from(Gone: Gone) -> Self {
        Stopped::Gone
    }
}

pub(super) struct Session {
    client: Client,
    options: Options,
    copy: Option<Copy>,
    kept: Kept,
    /// What the peer asks for; none before its first line.
    wants: Option<Wants>,
    /// Names that it has not been given yet.
    names: Option<Names>,
    /// Heaps so far.
    number: u32,
    /// Lines of `endler attach` that an interrupt has forgotten, and that are not
    /// answered yet.
    forgotten: usize,
}

impl Session {
    pub(super) fn new(client: Client, options: Options) -> Self {
        // A person sits before telnet.
        let telnet = || Wants::these(&[Want::Values]);
        Session {
            wants: (!client.is_attached()).then(telnet),
            names: None,
            client,
            options,
            copy: None,
            kept: Kept::default(),
            number: 0,
            forgotten: 0,
        }
    }

    /// Answers until the peer is gone.
    pub(super) fn serve(mut self) {
        let Err(Gone) = self.answer_lines();
    }

    fn answer_lines(&mut self) -> Result<std::convert::Infallible, Gone> {
        loop {
            self.client.prompt(&self.kept.variables)?;
            self.answer_one()?;
        }
    }

    /// Waits for a line, and answers it.
    fn answer_one(&mut self) -> Result<(), Gone> {
        loop {
            if self.forgotten > 0 {
                self.forgotten -= 1;
                return self.client.tell(What::Failure, "interrupted");
            }
            match self.event()? {
                Event::Line(line) => {
                    if self.wants.is_some() {
                        return self.answer(&line);
                    }
                    return self.first(&line);
                }
                Event::Interrupt { forgotten } => {
                    self.forget(forgotten);
                    // `endler attach` has its prompt already.
                    if !self.client.is_attached() {
                        return Ok(());
                    }
                }
                Event::TooLong => {
                    let text = format!("a line of more than {LONGEST} bytes is not read");
                    return self.client.tell(What::Failure, &text);
                }
                Event::NotText => {
                    let text = "the line is not text (UTF-8)";
                    return self.client.tell(What::Failure, text);
                }
            }
        }
    }

    /// The first line of `endler attach`: what it asks for, or a line as any.
    fn first(&mut self, line: &str) -> Result<(), Gone> {
        let said = Wants::of_line(line);
        let is_said = said.is_some();
        let wants = self.wants.insert(said.unwrap_or_default());
        if !is_said {
            return self.answer(line);
        }
        match wants.has(Want::Names) {
            true => self.client.hint(&outside::names()),
            false => Ok(()),
        }
    }

    fn forget(&mut self, lines: usize) {
        if self.client.is_attached() {
            self.forgotten += lines;
        }
    }

    /// What the peer does next. The copy ends meanwhile if that takes long.
    fn event(&mut self) -> Result<Event, Gone> {
        let began = Instant::now();
        loop {
            if let Some(event) = self.client.next()? {
                return Ok(event);
            }
            let limit = match self.copy {
                Some(_) => self.options.copy_lives.min(SILENT),
                None => SILENT,
            };
            let left = limit.saturating_sub(began.elapsed());
            if left.is_zero() && self.copy.take().is_none() {
                let text = "nothing was asked for an hour; the connection ends";
                self.client.tell(What::Notice, text)?;
                return Err(Gone);
            }
            if left.is_zero() {
                let text = format!(
                    "nothing was asked for {}: the heap is given back; the next line takes a \
                     new one",
                    span(limit)
                );
                self.client.tell(What::Notice, &text)?;
                continue;
            }
            let copy = self.copy.as_ref().map_or([-1; 2], Copy::waits_for);
            let [peer, stop] = self.client.waits_for();
            let asked = [peer, stop, (copy[0], READ), (copy[1], READ)];
            let [peer, stop, channel, ending] = wait(asked, Some(left));
            self.client.take([peer, stop])?;
            if channel != 0 || ending != 0 {
                self.hear_the_idle_copy();
            }
        }
    }

    /// What a copy says when it is not asked: what it saved, or that it has ended.
    fn hear_the_idle_copy(&mut self) {
        let Some(mut copy) = self.copy.take() else {
            return;
        };
        let ended = copy.take().is_err();
        while let Ok(Some(told)) = copy.next() {
            if let Told::Saved(saved) = told {
                copy.keep(saved, &mut self.kept);
            }
        }
        if !ended {
            self.copy = Some(copy);
        }
    }

    fn answer(&mut self, line: &str) -> Result<(), Gone> {
        let read = parse(line).and_then(|statement| {
            statement.check_names(&self.kept.variables)?;
            Ok(statement)
        });
        let statement = match read {
            Ok(statement) => statement,
            Err(why) => return self.client.tell(What::Failure, &why.to_string()),
        };
        let done = self.settle().and_then(|()| match statement.needs() {
            Needs::Nothing => Ok(Told::Answer(statement.alone().unwrap_or_default())),
            Needs::Host(call) => self.call(&call, &statement),
            Needs::Heap => self.ask(line, &statement),
            Needs::NewHeap if !self.kept.has_room() => Ok(self.too_many()),
            Needs::NewHeap => {
                self.copy = None;
                self.begin()?;
                self.ask(line, &statement)
            }
        });
        let done = match done {
            Ok(Told::Failed(text)) => {
                self.client.tell(What::Failure, &text)?;
                self.hint()
            }
            Ok(Told::Answer(text)) => {
                self.client.tell(What::Answer, &text)?;
                // The next prompt knows the variable.
                self.hint().and_then(|()| match statement.assigns() {
                    Some(_) => self.settle(),
                    None => Ok(()),
                })
            }
            Ok(_) => Ok(()),
            Err(why) => Err(why),
        };
        match done {
            Ok(()) => Ok(()),
            Err(Stopped::Gone) => Err(Gone),
            Err(why) => {
                // Whatever it still does is of no use to anybody.
                self.copy = None;
                self.client.tell(What::Failure, &self.explain(why))
            }
        }
    }

    fn explain(&self, why: Stopped) -> String {
        match why {
            Stopped::Gone | Stopped::Interrupted => "interrupted".into(),
            Stopped::Late => format!(
                "given up after {}; the next line takes a new heap",
                span(self.options.answer_within)
            ),
            Stopped::Died(freeze::Error::Memory { budget }) => format!(
                "this needs more than the {budget} bytes of memory that a query may take; the next \
                 line takes a new heap"
            ),
            Stopped::Died(why) => format!("{why}; the next line takes a new heap"),
            Stopped::Failed(why) => why.to_string(),
        }
    }

    /// What the host does itself.
    fn call(&mut self, call: &HostCall, statement: &Statement) -> Result<Told, Stopped> {
        let to = match call {
            HostCall::Phase(name) => {
                endler_allocator::enter_phase(name);
                return Ok(Told::Answer(String::new()));
            }
            HostCall::Dump(to) => to.as_deref(),
        };
        let may = self.options.dump_anywhere || self.wants_to(Want::Paths);
        let reach = match may {
            true => Reach::Paths,
            false => Reach::Names,
        };
        let directory = target::directory(self.options.dump_into.as_deref());
        let to = match target::target(to, reach, &directory) {
            Ok(to) => target::prepare(to, &directory).map_err(Stopped::Failed)?,
            Err(why) => return Ok(Told::Failed(statement.refused(&why).to_string())),
        };
        let said = match to {
            Target::Directory(to) => {
                let asked = profiler::begin_dump(to).map_err(Stopped::Failed)?;
                let line = self.wait_for(&asked)?;
                line.trim_start_matches("endler: ").to_owned()
            }
            Target::File(to) => {
                let asked = profiler::begin_snapshot_to(&to).map_err(Stopped::Failed)?;
                let info = self.wait_for(&asked)?;
                format!(
                    "{}: {} objects, {} bytes; process held {:.1} ms, ready after {:.2} s",
                    info.path.display(),
                    info.objects,
                    info.bytes,
                    info.held.as_secs_f64() * 1e3,
                    info.elapsed.as_secs_f64()
                )
            }
        };
        Ok(Told::Answer(said))
    }

    fn wants_to(&self, want: Want) -> bool {
        self.wants.as_ref().is_some_and(|wants| wants.has(want))
    }

    /// Waits for the profiler's thread, and looks at the peer meanwhile.
    fn wait_for<T>(&mut self, asked: &Receiver<Result<T, Error>>) -> Result<T, Stopped> {
        loop {
            match asked.recv_timeout(LOOK) {
                Ok(done) => return done.map_err(Stopped::Failed),
                Err(RecvTimeoutError::Timeout) => {
                    let ready = wait(self.client.waits_for(), Some(Duration::ZERO));
                    self.look(ready)?;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let gone = std::io::Error::other("it has ended");
                    return Err(Stopped::Failed(Error::Thread(gone)));
                }
            }
        }
    }

    /// Takes what the peer has sent while something is done for it.
    fn look(&mut self, ready: [i16; 2]) -> Result<(), Stopped> {
        self.client.take(ready)?;
        match self.client.take_interrupt() {
            Some(forgotten) => {
                self.forget(forgotten);
                Err(Stopped::Interrupted)
            }
            None => Ok(()),
        }
    }

    /// Waits until what the last line left behind is saved.
    fn settle(&mut self) -> Result<(), Stopped> {
        let until = Until::within(self.options.answer_within);
        while self.copy.as_ref().is_some_and(|copy| copy.saving) {
            self.hear(until)?;
        }
        Ok(())
    }

    /// Waits for the names that are wanted, and gives them to the peer.
    fn hint(&mut self) -> Result<(), Stopped> {
        let until = Until::within(self.options.answer_within);
        while self.copy.as_ref().is_some_and(|copy| copy.naming) {
            self.hear(until)?;
        }
        match self.names.take() {
            Some(names) => Ok(self.client.hint(&names)?),
            None => Ok(()),
        }
    }

    /// Answers from a heap.
    fn ask(&mut self, line: &str, statement: &Statement) -> Result<Told, Stopped> {
        if self.copy.is_none() {
            if self.number > 0 {
                let text = "a new heap: the one before was given back";
                self.client.tell(What::Notice, text)?;
            }
            self.begin()?;
        }
        let request = Request::new(line, statement).encode();
        let until = Until::within(self.options.answer_within);
        let mut left = &request[..];
        while !left.is_empty() {
            let Some(copy) = &mut self.copy else {
                return Err(Stopped::Late);
            };
            let sent = copy.send(left);
            left = left.get(sent.unwrap_or(0)..).unwrap_or_default();
            if sent == Err(Ended) {
                return Err(self.died());
            }
            if sent == Ok(0) {
                self.wait(until, WRITE)?;
            }
        }
        loop {
            match self.hear(until)? {
                Some(told @ (Told::Answer(_) | Told::Failed(_))) => {
                    let naming = self.wants_to(Want::Names);
                    if let Some(copy) = &mut self.copy {
                        (copy.naming, copy.saving) = (naming, true);
                    }
                    return Ok(told);
                }
                Some(Told::Notice(text)) => self.client.tell(What::Notice, &text)?,
                _ => {}
            }
        }
    }

    fn too_many(&self) -> Told {
        Told::Failed(format!(
            "variables hold {HEAPS} heaps besides the newest; forget one of them: del NAME"
        ))
    }

    /// Takes a new heap; a smaller one where there is no memory for the whole.
    fn begin(&mut self) -> Result<(), Stopped> {
        let mut level = Level::Whole;
        loop {
            let why = match self.begin_with(level) {
                Err(Stopped::Died(
                    why @ (freeze::Error::Memory { .. } | freeze::Error::Refused { .. }),
                )) => why,
                done => return done,
            };
            self.copy = None;
            let missing = match level.less() {
                Some(Level::WithoutReferences) => "without references",
                Some(_) => "without types",
                None if self.kept.is_empty() => return Err(Stopped::Died(why)),
                None => "without the variables and their heaps",
            };
            self.client
                .tell(What::Notice, &format!("{missing}: {why}"))?;
            match level.less() {
                Some(less) => level = less,
                None => (level, self.kept) = (Level::Whole, Kept::default()),
            }
        }
    }

    fn begin_with(&mut self, level: Level) -> Result<(), Stopped> {
        self.number += 1;
        let began = Instant::now();
        let wants = self.wants.clone().unwrap_or_default();
        let begun = Begun::new(&self.kept, &self.options, &wants, level, self.number);
        let begun = begun.map_err(Stopped::Failed)?;
        let running = self.wait_for(&begun.made)?;
        self.copy = Some(begun.with(running).map_err(Stopped::Failed)?);
        let until = Until::after(began, self.options.answer_within);
        loop {
            match self.hear(until)? {
                Some(Told::Ready) => return Ok(()),
                Some(Told::Notice(text)) => self.client.tell(What::Notice, &text)?,
                _ => {}
            }
        }
    }

    /// What the copy says next; none for what concerns nobody else.
    fn hear(&mut self, until: Until) -> Result<Option<Told>, Stopped> {
        loop {
            let Some(copy) = &mut self.copy else {
                return Ok(None);
            };
            match copy.next() {
                Ok(Some(Told::Saved(saved))) => {
                    copy.keep(saved, &mut self.kept);
                    return Ok(None);
                }
                Ok(Some(Told::Names(names))) => {
                    copy.naming = false;
                    self.names = Some(names);
                    return Ok(None);
                }
                Ok(Some(told)) => return Ok(Some(told)),
                Ok(None) => {}
                Err(Ended) => return Err(self.died()),
            }
            self.wait(until, READ)?;
        }
    }

    /// Waits until the copy is ready for this, and takes what it has said.
    fn wait(&mut self, until: Until, what: i16) -> Result<(), Stopped> {
        let left = until.left();
        let Some([channel, ending]) = self.copy.as_ref().map(Copy::waits_for) else {
            return Err(Stopped::Late);
        };
        if left.is_zero() {
            return Err(Stopped::Late);
        }
        let [peer, stop] = self.client.waits_for();
        let asked = [peer, stop, (channel, what | READ), (ending, READ)];
        let [peer, stop, channel, ending] = wait(asked, Some(left));
        self.look([peer, stop])?;
        if channel == 0 && ending == 0 {
            return Ok(());
        }
        let Some(copy) = &mut self.copy else {
            return Ok(());
        };
        let ended = copy.take().is_err();
        // What it said last is heard first.
        if (ended || ending != 0) && !copy.has_said() {
            return Err(self.died());
        }
        Ok(())
    }

    fn died(&mut self) -> Stopped {
        match self.copy.take() {
            Some(copy) => Stopped::Died(copy.why_it_ended()),
            None => Stopped::Late,
        }
    }
}

/// A time as a person says it.
fn span(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds => format!("{} minutes", seconds / 60),
    }
}
