//! Starting the softphone as a process of its own: it must outlive us.

use process_wrap::tokio::{ChildWrapper, CommandWrap};
use std::path::Path;
use std::process::Stdio;

/// A softphone that we have started.
#[derive(Debug)]
pub(crate) struct Child {
    inner: Box<dyn ChildWrapper>,
    pub(crate) pid: u32,
}

impl Child {
    /// Starts it in an OS session of its own, without a pipe to us: our death must not reach it.
    pub(crate) fn start(program: &Path, runtime_dir: &Path, log_dir: &Path, session: &str) -> std::io::Result<Self> {
        let mut command = CommandWrap::with_new(program, |command| {
            command
                .arg("serve")
                .arg("--runtime-dir")
                .arg(runtime_dir)
                .arg("--session")
                .arg(session)
                .arg("--log-dir")
                .arg(log_dir)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(false);
        });
        #[cfg(unix)]
        command.wrap(process_wrap::tokio::ProcessSession);
        let inner = command.spawn()?;
        let pid = inner.id().unwrap_or_default();
        Ok(Self { inner, pid })
    }

    /// How it ended, in words.
    pub(crate) async fn ended(&mut self) -> String {
        match self.inner.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}
