//! Seccomp filters, as containers have them.

/// What the kernel does with a call that a filter does not let through.
pub(crate) enum Answer {
    /// The call fails with this number.
    Error(i32),
    /// The process is killed.
    Kill,
}

/// From here on the calls are answered so in this process and all that it makes.
pub(crate) fn refuse(calls: &[(i64, Answer)]) {
    let mut program = vec![load(0)];
    for (number, answer) in calls {
        let action = match answer {
            Answer::Error(number) => libc::SECCOMP_RET_ERRNO | *number as u32,
            Answer::Kill => libc::SECCOMP_RET_KILL_PROCESS,
        };
        program.push(equal(*number as u32, 0, 1));
        program.push(answer_with(action));
    }
    program.push(answer_with(libc::SECCOMP_RET_ALLOW));
    install(&mut program);
}

/// From here on `clone` makes threads only, in this process.
pub(crate) fn refuse_copies() {
    let any_bit = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
    install(&mut [
        load(0),
        // glibc then makes its threads with clone.
        equal(libc::SYS_clone3 as u32, 0, 1),
        answer_with(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
        equal(libc::SYS_clone as u32, 0, 3),
        // struct seccomp_data: nr at 0, the low half of the first argument at 16.
        load(16),
        libc::sock_filter {
            code: any_bit,
            jt: 1,
            jf: 0,
            k: libc::CLONE_THREAD as u32,
        },
        answer_with(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        answer_with(libc::SECCOMP_RET_ALLOW),
    ]);
    // SAFETY: a child that were made would end at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) };
    }
    assert_eq!(child, -1, "the filter refuses nothing");
}

fn load(offset: u32) -> libc::sock_filter {
    op(
        (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16,
        0,
        0,
        offset,
    )
}

fn equal(value: u32, yes: u8, no: u8) -> libc::sock_filter {
    op(
        (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        yes,
        no,
        value,
    )
}

fn answer_with(action: u32) -> libc::sock_filter {
    op((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, action)
}

fn op(code: u16, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

fn install(program: &mut [libc::sock_filter]) {
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: this process gains no privileges from here on.
    let failed = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(failed, 0);
    // SAFETY: a program of the given length; all threads get it.
    let failed = unsafe {
        let flags = libc::SECCOMP_FILTER_FLAG_TSYNC;
        let set = libc::SECCOMP_SET_MODE_FILTER;
        libc::syscall(libc::SYS_seccomp, set, flags, &raw const filter)
    };
    assert_eq!(failed, 0, "no filter: {}", std::io::Error::last_os_error());
}
