//! The shell that dies in a call is started again, so that the operator sees the call that still runs.

use std::collections::VecDeque;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::platform;

/// Starts within [`WINDOW`]; a shell that dies as soon as it comes up is not started for ever.
const TRIES: usize = 3;
const WINDOW: Duration = Duration::from_secs(300);

/// How to start it, and how often it was.
#[derive(Debug, Default)]
pub struct Shell {
    command: Vec<String>,
    started: VecDeque<Instant>,
    children: Vec<Child>,
}

impl Shell {
    /// Program and arguments; empty: do not.
    pub fn set(&mut self, command: Vec<String>) {
        self.command = command;
    }

    /// Whether anything can be started.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.command.is_empty()
    }

    /// Starts it, detached, unless it was started too often; says whether it did.
    pub fn start(&mut self) -> bool {
        self.reap();
        let now = Instant::now();
        while self.started.front().is_some_and(|at| now.duration_since(*at) > WINDOW) {
            self.started.pop_front();
        }
        let Some((program, arguments)) = self.command.split_first() else { return false };
        if self.started.len() >= TRIES {
            tracing::error!(
                "the shell was started {TRIES} times in five minutes and does not stay; the call goes on without it"
            );
            return false;
        }
        self.started.push_back(now);
        match platform::start_detached(program, arguments) {
            Ok(child) => {
                tracing::warn!(pid = child.id(), "the shell died in a call; it is started again");
                self.children.push(child);
                true
            }
            Err(e) => {
                tracing::error!("the shell {program} cannot be started: {e}");
                false
            }
        }
    }

    /// Takes note of shells that have ended, so that no zombie is left.
    pub fn reap(&mut self) {
        self.children.retain_mut(|c| matches!(c.try_wait(), Ok(None)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_for_ever() {
        let mut shell = Shell::default();
        assert!(!shell.is_known() && !shell.start());
        shell.set(vec!["true".into()]);
        assert_eq!([shell.start(), shell.start(), shell.start(), shell.start()], [true, true, true, false]);
    }
}
