//! The handler of deadly signals. It runs in a process of which nothing is known any more, so it allocates nothing, takes no
//! lock of ours, and uses what POSIX calls async-signal-safe; `backtrace` is the exception, made harmless as far as can be
//! by a first call in peace (which loads the unwinder) and by an alarm that ends us if it hangs.
//!
//! Linux only. Untried and missing elsewhere: on Windows SetUnhandledExceptionFilter with RtlCaptureStackBackTrace, on macOS
//! the same handler with dladdr in the place of /proc/self/maps. There a crash leaves what the system keeps of it.
#![expect(unsafe_code, reason = "signal handlers are made of system calls; each block says why it is sound")]

#[cfg(not(target_os = "linux"))]
pub(super) fn own_stack_for_signals() {}

#[cfg(not(target_os = "linux"))]
pub(super) fn arm(_file: std::fs::File, _head: String) {}

#[cfg(not(target_os = "linux"))]
pub(super) fn frames() -> Vec<(String, u64)> {
    Vec::new()
}

#[cfg(target_os = "linux")]
pub(super) use linux::{arm, frames, own_stack_for_signals};

#[cfg(target_os = "linux")]
mod linux {
    use std::cell::UnsafeCell;
    use std::ffi::{c_int, c_void};
    use std::os::fd::{IntoRawFd as _, RawFd};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use nix::libc;

    use super::super::CALLS;

    const DEADLY: [(c_int, &str); 5] = [
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGABRT, "SIGABRT"),
    ];
    const FRAMES: usize = 64;
    /// More than the handler and the unwinder need with the widest registers saved (AVX-512: 3 KB a signal frame).
    const STACK: usize = 64 << 10;
    /// A handler that hangs must not leave a process that neither lives nor dies.
    const HANDLER_S: u32 = 5;

    struct Kept {
        file: RawFd,
        head: String,
        began: Instant,
    }

    static KEPT: OnceLock<Kept> = OnceLock::new();
    static BUSY: AtomicBool = AtomicBool::new(false);

    /// Where a return address lies.
    #[derive(Clone, Copy)]
    struct Frame {
        address: usize,
        /// Of its module, 0: not found.
        base: usize,
        module: Word<48>,
    }

    /// Text without allocation; what does not fit is cut.
    #[derive(Clone, Copy)]
    struct Word<const N: usize> {
        bytes: [u8; N],
        length: usize,
    }

    impl<const N: usize> Word<N> {
        const EMPTY: Self = Self { bytes: [0; N], length: 0 };

        fn push(&mut self, text: &[u8]) {
            for byte in text {
                if let Some(place) = self.bytes.get_mut(self.length) {
                    *place = *byte;
                    self.length += 1;
                }
            }
        }

        fn number(&mut self, mut value: usize, base: usize) {
            let mut digits = [0; 20];
            let mut at = digits.len();
            loop {
                at -= 1;
                digits[at] = b"0123456789abcdef"[value % base];
                value /= base;
                if value == 0 || at == 0 {
                    break;
                }
            }
            self.push(&digits[at..]);
        }

        fn text(&self) -> &[u8] {
            &self.bytes[..self.length]
        }
    }

    /// What the handler works in: it must fit on small stacks, too.
    struct Scratch {
        frames: [Frame; FRAMES],
        chunk: [u8; 4096],
    }

    struct Exclusive(UnsafeCell<Scratch>);
    // SAFETY: only the thread that has turned BUSY from false to true touches it, and BUSY is never turned back.
    unsafe impl Sync for Exclusive {}
    static SCRATCH: Exclusive = Exclusive(UnsafeCell::new(Scratch::EMPTY));

    impl Scratch {
        const EMPTY: Self =
            Self { frames: [Frame { address: 0, base: 0, module: Word::EMPTY }; FRAMES], chunk: [0; 4096] };

        /// The return addresses of this thread, with their modules.
        fn look(&mut self) -> usize {
            let mut addresses = [std::ptr::null_mut::<c_void>(); FRAMES];
            // SAFETY: the buffer has as many entries as is said; the function writes at most that many.
            let found = unsafe { libc::backtrace(addresses.as_mut_ptr(), FRAMES as c_int) };
            let found = usize::try_from(found).unwrap_or(0).min(FRAMES);
            for (frame, address) in self.frames.iter_mut().zip(&addresses[..found]) {
                *frame = Frame { address: *address as usize, base: 0, module: Word::EMPTY };
            }
            self.find_modules(found);
            found
        }

        /// Reads /proc/self/maps with system calls alone.
        fn find_modules(&mut self, found: usize) {
            // SAFETY: a constant path with its NUL; open(2) is async-signal-safe.
            let maps = unsafe { libc::open(c"/proc/self/maps".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
            if maps < 0 {
                return;
            }
            let mut line = Word::<512>::EMPTY;
            let mut base = 0;
            loop {
                // SAFETY: the buffer is ours and as long as is said.
                let got = unsafe { libc::read(maps, self.chunk.as_mut_ptr().cast(), self.chunk.len()) };
                let Ok(got) = usize::try_from(got) else { break };
                if got == 0 {
                    break;
                }
                for at in 0..got {
                    let byte = self.chunk[at];
                    if byte != b'\n' {
                        line.push(&[byte]);
                        continue;
                    }
                    if let Some((start, end, offset, module)) = mapping(line.text()) {
                        // A module's first mapping begins at its file's beginning; the offsets of the others count from there.
                        if offset == 0 {
                            base = start;
                        }
                        for frame in &mut self.frames[..found] {
                            if (start..end).contains(&frame.address) {
                                frame.base = base;
                                frame.module.length = 0;
                                frame.module.push(module);
                            }
                        }
                    }
                    line.length = 0;
                }
            }
            // SAFETY: our own descriptor.
            unsafe { libc::close(maps) };
        }
    }

    /// Start, end, offset in the file and the last part of the path of `55d0-55d8 r-xp 00001000 08:01 123   /path/name`.
    fn mapping(line: &[u8]) -> Option<(usize, usize, usize, &[u8])> {
        let mut words = line.split(|b| *b == b' ').filter(|word| !word.is_empty());
        let mut range = words.next()?.split(|b| *b == b'-');
        let (start, end) = (hexadecimal(range.next()?)?, hexadecimal(range.next()?)?);
        let offset = hexadecimal(words.nth(1)?)?;
        // Only the last part: where somebody keeps his programs is his own affair.
        let module = words.nth(2)?.rsplit(|b| *b == b'/').next()?;
        Some((start, end, offset, module))
    }

    fn hexadecimal(digits: &[u8]) -> Option<usize> {
        digits.iter().try_fold(0usize, |sum, digit| {
            let value = (*digit as char).to_digit(16)? as usize;
            sum.checked_mul(16)?.checked_add(value)
        })
    }

    fn write(file: RawFd, text: &[u8]) {
        let mut rest = text;
        while !rest.is_empty() {
            // SAFETY: the text is ours and as long as is said; write(2) is async-signal-safe.
            let written = unsafe { libc::write(file, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(written) {
                Ok(n) if n > 0 => rest = &rest[n..],
                // Nobody can be told.
                _ => return,
            }
        }
    }

    extern "C" fn on_deadly_signal(signal: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
        // SAFETY: alarm(2) is async-signal-safe.
        unsafe { libc::alarm(HANDLER_S) };
        if BUSY.swap(true, Ordering::SeqCst) {
            // Another thread is dying already, and takes us along.
            loop {
                // SAFETY: async-signal-safe.
                unsafe { libc::pause() };
            }
        }
        if let Some(kept) = KEPT.get() {
            report(kept, signal);
        }
        // SAFETY: both async-signal-safe. The signal is blocked until we return, so the default action follows then; the
        // instruction at fault is not even tried again.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }

    fn report(kept: &Kept, signal: c_int) {
        write(kept.file, kept.head.as_bytes());
        let mut line = Word::<256>::EMPTY;
        line.push(b"what: ");
        line.push(DEADLY.iter().find(|(number, _)| *number == signal).map_or("a signal", |(_, name)| name).as_bytes());
        line.push(b"\nuptime: ");
        line.number(usize::try_from(kept.began.elapsed().as_secs()).unwrap_or(usize::MAX), 10);
        line.push(b" s\ncalls: ");
        line.number(CALLS.load(Ordering::Relaxed) as usize, 10);
        line.push(b"\nthread: ");
        let mut name = [0u8; 16];
        // SAFETY: PR_GET_NAME writes at most 16 bytes with a NUL; a system call and nothing more.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        line.push(name.split(|b| *b == 0).next().unwrap_or_default());
        // The unwinder may fall over a broken stack, and then this is all there is.
        line.push(b"\nframes (the first two are this report's own):\n");
        write(kept.file, line.text());
        // SAFETY: BUSY was turned by this thread; see `Exclusive`.
        let scratch = unsafe { &mut *SCRATCH.0.get() };
        let found = scratch.look();
        for frame in &scratch.frames[..found] {
            let mut line = Word::<96>::EMPTY;
            line.push(b"  ");
            line.push(if frame.module.length == 0 { b"?" } else { frame.module.text() });
            line.push(b"+0x");
            line.number(frame.address.wrapping_sub(frame.base), 16);
            line.push(b"\n");
            write(kept.file, line.text());
        }
        // SAFETY: async-signal-safe. The power may go with us.
        unsafe { libc::fsync(kept.file) };
    }

    /// The file stays open until the end, and is written by the handler alone.
    pub(in super::super) fn arm(file: std::fs::File, head: String) {
        // Loads the unwinder, which allocates.
        let _ = frames();
        if KEPT.set(Kept { file: file.into_raw_fd(), head, began: Instant::now() }).is_err() {
            return;
        }
        for (signal, _) in DEADLY {
            // SAFETY: all zero is a valid sigaction; the sets are made by their own functions. While the handler runs, all
            // deadly signals are blocked: a fault within it ends the process at once.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = on_deadly_signal as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                libc::sigemptyset(&raw mut action.sa_mask);
                for (other, _) in DEADLY {
                    libc::sigaddset(&raw mut action.sa_mask, other);
                }
                if libc::sigaction(signal, &raw const action, std::ptr::null_mut()) != 0 {
                    tracing::warn!(signal, "a crash by this signal will leave no report");
                }
            }
        }
    }

    /// Gives the calling thread a stack for signals. It is never given back: threads that ask live as long as we do.
    pub(in super::super) fn own_stack_for_signals() {
        let stack = Box::leak(vec![0u8; STACK].into_boxed_slice());
        let alternate = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
        // SAFETY: the memory is never freed, and nothing else uses it.
        unsafe { libc::sigaltstack(&raw const alternate, std::ptr::null_mut()) };
    }

    /// Module and offset of each return address, in peace.
    pub(in super::super) fn frames() -> Vec<(String, u64)> {
        let mut scratch = Box::new(Scratch::EMPTY);
        let found = scratch.look();
        let told = |frame: &Frame| {
            let module = String::from_utf8_lossy(frame.module.text()).into_owned();
            (module, frame.address.wrapping_sub(frame.base) as u64)
        };
        scratch.frames[..found].iter().map(told).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn mappings() {
            let line = b"7f00-7f08 r-xp 00001000 08:01 123    /usr/lib/libc.so.6";
            assert_eq!(mapping(line), Some((0x7f00, 0x7f08, 0x1000, b"libc.so.6".as_slice())));
            assert_eq!(mapping(b"7f00-7f08 rw-p 00000000 00:00 0"), None);
            assert_eq!(mapping(b"nonsense"), None);
        }

        #[test]
        fn frames_of_this_test_are_in_this_program() {
            let own = std::env::current_exe().unwrap();
            let name: Vec<u8> = own.file_name().unwrap().to_string_lossy().bytes().take(48).collect();
            let found = frames();
            assert!(found.iter().any(|(module, offset)| module.as_bytes() == name && *offset > 0), "{found:?}");
        }

        #[test]
        fn numbers_without_allocation() {
            let mut word = Word::<8>::EMPTY;
            word.number(0, 10);
            word.push(b" ");
            word.number(0xbeef, 16);
            word.push(b"longer");
            assert_eq!(word.text(), b"0 beeflo");
        }
    }
}
