//! Where the value of a field points to.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::ffi::{CString, OsString};
use std::path::PathBuf;
use std::pin::Pin;
use std::ptr::NonNull;
use std::rc::{self, Rc};
use std::sync::{self, Arc, Mutex, OnceLock, RwLock};

/// A value that is a pointer, or begins with the one that owns its block.
pub trait Points {
    /// An address within the block that it points to; none if it points to none.
    fn target(&self) -> Option<*const u8>;
}

/// `$pointer` of a value `$it`, if `$has`.
macro_rules! points {
    ($([$($generic:tt)*] $type:ty: $it:ident, $has:expr => $pointer:expr;)*) => {$(
        // A macro, since the types have no trait in common that gives their address.
        impl<$($generic)*> Points for $type {
            fn target(&self) -> Option<*const u8> {
                let $it = self;
                ($has).then(|| $pointer.cast::<u8>())
            }
        }
    )*};
}

points! {
    [T] Vec<T>: it, size_of::<T>() > 0 && it.capacity() > 0 => it.as_ptr();
    [T] VecDeque<T>: it, size_of::<T>() > 0 && it.capacity() > 0 => it.as_slices().0.as_ptr();
    [T] BinaryHeap<T>: it, size_of::<T>() > 0 && it.capacity() > 0 => it.as_slice().as_ptr();
    [] String: it, it.capacity() > 0 => it.as_ptr();
    [] PathBuf: it, it.capacity() > 0 => it.as_os_str().as_encoded_bytes().as_ptr();
    [] OsString: it, it.capacity() > 0 => it.as_encoded_bytes().as_ptr();
    [] CString: it, true => it.as_ptr();
    [T: ?Sized] Box<T>: it, size_of_val(&**it) > 0 => (&raw const **it);
    [T: ?Sized] &T: it, size_of_val(&**it) > 0 => (&raw const **it);
    [T: ?Sized] Rc<T>: it, size_of_val(&**it) > 0 => Rc::as_ptr(it);
    [T: ?Sized] Arc<T>: it, size_of_val(&**it) > 0 => Arc::as_ptr(it);
    [T] rc::Weak<T>: it, it.as_ptr().addr() != usize::MAX => it.as_ptr();
    [T] sync::Weak<T>: it, it.as_ptr().addr() != usize::MAX => it.as_ptr();
    [T] *const T: it, !it.is_null() => *it;
    [T] NonNull<T>: it, true => it.as_ptr().cast_const();
}

impl<K, V, S> Points for HashMap<K, V, S> {
    fn target(&self) -> Option<*const u8> {
        let key = self.keys().next()?;
        Some((&raw const *key).cast())
    }
}

impl<K, S> Points for HashSet<K, S> {
    fn target(&self) -> Option<*const u8> {
        let key = self.iter().next()?;
        Some((&raw const *key).cast())
    }
}

impl<P: Points> Points for Option<P> {
    fn target(&self) -> Option<*const u8> {
        self.as_ref()?.target()
    }
}

impl<T: ?Sized> Points for Pin<Box<T>> {
    fn target(&self) -> Option<*const u8> {
        let within: &T = self;
        within_block(within)
    }
}

impl Points for Cow<'_, str> {
    fn target(&self) -> Option<*const u8> {
        match self {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => text.target(),
        }
    }
}

impl<P: Points> Points for RefCell<P> {
    fn target(&self) -> Option<*const u8> {
        self.borrow().target()
    }
}

impl<P: Points> Points for Mutex<P> {
    fn target(&self) -> Option<*const u8> {
        self.lock().expect("nobody panicked").target()
    }
}

impl<P: Points> Points for RwLock<P> {
    fn target(&self) -> Option<*const u8> {
        self.read().expect("nobody panicked").target()
    }
}

impl<P: Points> Points for OnceLock<P> {
    fn target(&self) -> Option<*const u8> {
        self.get()?.target()
    }
}

fn within_block<T: ?Sized>(value: &T) -> Option<*const u8> {
    (size_of_val(value) > 0).then_some((&raw const *value).cast())
}
