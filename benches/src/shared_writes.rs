//! Why no shared cache line is written per operation.
//!
//! Where the hardware has counters, `perf c2c` shows lines that cores take from
//! one another. Under most hypervisors there are none. So here is every write
//! of the hook, by the file that makes it, with whose line it is and when it
//! happens. `threads` against `thread` is the measurement that goes with it: two
//! threads that share nothing take as long as one, as far as the inner
//! allocator alone does.
//!
//! # Writes of each operation
//!
//! | write | where | whose line |
//! |---|---|---|
//! | re-entry guard; trunk, twig and context cache where a stack is new to the thread | `rows.rs`, `unwind/memo.rs` | the thread's row, aligned to 128 bytes, a mapping of its own |
//! | a free slot, 8 bytes, into or out of the loaded magazine | `depot.rs` | the magazine's, 1 KiB, aligned, which one row holds |
//! | the record, 24 bytes, at an allocation; a free does not touch it | `slots.rs` | the slot's: see below |
//! | the shadow entry, 4 bytes | `shadow.rs` | the block's: see below |
//! | counts of frees and reallocs, when the slot is used again | `totals.rs` | the thread's, in chunks of its own; 64 bytes, aligned, a context |
//! | the parked record, at a realloc | `rows.rs` | the thread's row |
//!
//! None of these is a locked instruction.
//!
//! # Writes to lines that all threads share
//!
//! | write | where | when |
//! |---|---|---|
//! | tops of the stacks of full and of empty magazines | `depot.rs` | a thread has used up, or filled, two magazines of 126 slots: one is exchanged |
//! | first slot never used | `slots.rs`, `fresh` | a thread has used up its magazines and no full one is there: the process has more live blocks than ever |
//! | a chunk of magazines | `depot.rs` | once in 256 magazines of free slots |
//! | a chunk of slots | `slots.rs` | once in 65,536 live blocks |
//! | a leaf of the shadow, its number | `shadow.rs` | once in 16 MiB of addresses that hold blocks |
//! | a context | `contexts.rs` | a call stack that no thread has met |
//! | an unwind rule | `unwind/cache.rs` | a return address that no thread has met, or that was displaced |
//! | a loaded file | `unwind/objects.rs` | the first address in it; a file in the place of another |
//! | a thread's number, its row | `threads.rs`, `rows.rs` | a thread's first allocation |
//! | allocations lost | `hook.rs`, `lost` | a thread without a row: memory was refused, or 65,536 threads live |
//! | the phase and the epoch, the mode | `epochs.rs`, `state.rs` | `phase()`, a snapshot; the first allocation of the process |
//! | the list of late slots | `late.rs` | a free on a thread without a row |
//! | regions of the profiler's memory | `os.rs` | each mapping of the above |
//!
//! Only the first of these goes on in a process that has settled. A thread keeps
//! two magazines, so between two exchanges of one thread lie at least 126
//! operations more of one kind than of the other; a thread that frees what it
//! allocates, up to 126 blocks at a time, makes none at all.
//!
//! # 64 threads on paper
//!
//! A contended line moves from core to core in 50 to 200 ns, so a line takes
//! some 5 to 20 million writes a second, from however many threads.
//!
//! * 64 threads that allocate and free a million blocks a second each, every one
//!   a burst of thousands before the first is freed: 128 million operations,
//!   one million exchanges of two writes each, 10 to 40 % of what the line takes.
//! * The same with a shared counter an operation: 128 million writes, 6 to 25
//!   times what the line takes. The threads would stand in line.
//! * 64 threads at their fastest, 10 million pairs a second each and nothing
//!   else: 10 million exchanges at the worst, which the line takes or half takes;
//!   none if they free as they go.
//!
//! # False sharing
//!
//! *Slots.* Slots of 24 bytes lie one behind the other, and 64 is no multiple of
//! 24. Fresh ones are claimed by 64, though, 1,536 bytes: 24 whole lines, and 12
//! whole pairs of lines, from a page boundary on. So slots that a thread took fresh share no line with another
//! thread's. A slot that another thread frees goes into that thread's magazine, as a
//! block stays in its cache in the inner allocator. Where threads free each
//! other's blocks they mix, and then the writers of neighbouring slots can be
//! two threads: as many lines move as of the blocks' own, which moved between
//! those threads already.
//!
//! *Shadow.* An entry of 4 bytes stands for 16, so a line of the shadow
//! stands for 256 bytes of the heap: four lines. Blocks within 256 bytes of each
//! other share it. Allocators give neighbouring blocks to one thread (glibc's
//! arenas, mimalloc's pages of a thread, jemalloc's caches filled from one slab),
//! for the blocks' own sake: where they do not, the blocks' lines are shared
//! four times as narrowly, and the program has that cost without endler. What
//! endler adds are pairs of blocks 64 to 256 bytes apart that two threads
//! allocate and free at the same time.
//!
//! *The fixed words.* Each operation reads words of the process-wide structs:
//! the directories of the shadow, the slots and the rules, the mode, the phase,
//! the start. A written word in their lines would cost every thread a miss at
//! its next operation, however seldom it is written. So the tops of the stacks, `fresh`
//! and the mode stand in lines of their own (two, since processors fetch pairs).
