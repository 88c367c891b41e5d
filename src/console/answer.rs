//! In the copy: a session that answers lines until nobody asks any more.
//!
//! ```text
//!  the copy's file    state │ image │ state │ state    image: the heap, without contents
//!                                                      state: variables; the newest counts
//! ```
//!
//! After each answer the copy writes what its session needs in the next copy, and only
//! then says where: a copy may be killed at any time, and what the session has is what
//! was told last. A state is never written over the one before it.
//!
//! Nothing here may be locked or printed, as in all work on a frozen image.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use endler_allocator::freeze::work_at_most;
use endler_reports::console::{Names, Session, parse};
use endler_reports::values::Contents;
use endler_snapshot::{Image, format};

use super::frames::{OWN, Request, Saved, Told};
use super::wants::{Want, Wants};

/// A part of a file.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) file: Arc<File>,
    pub(super) at: u64,
    pub(super) len: u64,
}

impl Part {
    fn read(&self) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; usize::try_from(self.len).map_err(|e| e.to_string())?];
        let read = self.file.read_exact_at(&mut bytes, self.at);
        read.map_err(|e| e.to_string())?;
        Ok(bytes)
    }
}

/// What a copy has of its session and its host.
pub(super) struct Answers {
    pub(super) channel: UnixStream,
    pub(super) own: Arc<File>,
    /// The heaps of before that variables refer to.
    pub(super) heaps: Vec<Part>,
    pub(super) state: Option<Part>,
    pub(super) wants: Wants,
    pub(super) copy_lives: Duration,
    pub(super) answer_within: Duration,
}

impl Answers {
    /// The rest of the copy's life.
    pub(super) fn serve(&self, image: &Image, contents: &dyn Contents) -> Result<(), String> {
        let (older, lost) = match self.older() {
            Ok(images) => (images, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let (mut session, lost) = self.session(&older, lost);
        if let Some(why) = lost {
            self.tell(&Told::Notice(format!("the variables are lost: {why}")))?;
        }
        // Where they are not wanted no value leaves this process.
        match self.wants.has(Want::Values) {
            true => session.add_heap(image, Some(contents)),
            false => session.add_heap_without_values(image),
        }
        self.tell(&Told::Ready)?;
        let mut saved = Saved::default();
        let mut has_named_types = false;
        loop {
            work_at_most(self.copy_lives);
            let request = Request::read(&mut &self.channel).map_err(|e| e.to_string())?;
            let Some(request) = request else {
                return Ok(());
            };
            work_at_most(self.answer_within);
            let answer = parse(&request.line).and_then(|said| session.run(&said, &request));
            self.tell(&match answer {
                Ok(text) => Told::Answer(text),
                Err(why) => Told::Failed(why.to_string()),
            })?;
            if self.wants.has(Want::Names) {
                work_at_most(self.answer_within);
                let types = match std::mem::replace(&mut has_named_types, true) {
                    true => Vec::new(),
                    false => session.type_names(),
                };
                let fields = session.field_names();
                self.tell(&Told::Names(Names { types, fields }))?;
            }
            work_at_most(self.answer_within);
            self.save(&session, image, &older, &mut saved)?;
            self.tell(&Told::Saved(saved.clone()))?;
        }
    }

    fn tell(&self, what: &Told) -> Result<(), String> {
        let sent = (&self.channel).write_all(&what.encode());
        sent.map_err(|e| e.to_string())
    }

    fn older(&self) -> Result<Vec<Image>, String> {
        let read = |part: &Part| format::read(&part.read()?).map_err(|e| e.to_string());
        self.heaps.iter().map(read).collect()
    }

    /// The session as it was saved; and why it is a new one, if it is.
    fn session<'a>(
        &self,
        older: &'a [Image],
        lost: Option<String>,
    ) -> (Session<'a>, Option<String>) {
        let Some(state) = self.state.as_ref().filter(|_| lost.is_none()) else {
            return (Session::new(), lost);
        };
        let restored = state.read().and_then(|bytes| {
            Session::restore(older.iter().collect(), &bytes).map_err(|e| e.to_string())
        });
        match restored {
            Ok(session) => (session, None),
            Err(why) => (Session::new(), Some(why)),
        }
    }

    /// Writes what the next copy needs, and notes where.
    fn save(
        &self,
        session: &Session<'_>,
        image: &Image,
        older: &[Image],
        saved: &mut Saved,
    ) -> Result<(), String> {
        let heaps = session.images();
        let place = |of: &&Image| {
            if std::ptr::eq(*of, image) {
                return Some(OWN);
            }
            older.iter().position(|one| std::ptr::eq(*of, one))
        };
        saved.heaps = heaps.iter().filter_map(place).collect();
        let (before, len) = saved.state;
        if saved.image.1 == 0 && saved.heaps.contains(&OWN) {
            saved.image = self.write_image(image, before + len)?;
            saved.state = (saved.image.0 + saved.image.1, 0);
        }
        let state = session.save();
        let (before, len) = saved.state;
        // Before the last one, if there is room behind the image; else behind it.
        let first = saved.image.0 + saved.image.1;
        let at = if first + (state.len() as u64) <= before {
            first
        } else {
            before + len
        };
        self.own
            .write_all_at(&state, at)
            .map_err(|e| e.to_string())?;
        saved.state = (at, state.len() as u64);
        saved.variables = session.variables();
        Ok(())
    }

    /// The heap, from this byte of the file on; where it is.
    fn write_image(&self, image: &Image, at: u64) -> Result<(u64, u64), String> {
        let write = || -> std::io::Result<u64> {
            let mut file = &*self.own;
            file.seek(SeekFrom::Start(at))?;
            let mut to = BufWriter::with_capacity(1 << 18, file);
            format::write(image, &mut to).map_err(std::io::Error::other)?;
            to.flush()?;
            (&*self.own).stream_position()
        };
        let end = write().map_err(|e| e.to_string())?;
        Ok((at, end.saturating_sub(at)))
    }
}
