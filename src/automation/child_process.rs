//! Programs that jobs start. Each leads a process group of its own, so that it is ended together with all that it has started,
//! and nothing else is.
//!
//! Signals go to the group's number. The program is reaped only after the last signal: until then the kernel gives its number
//! to no other group.

use std::io;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, Command};

/// How long a program may take to end by itself when it is told to.
const GRACE: Duration = Duration::from_secs(2);
/// How often is looked whether a program has ended.
const LOOK_PERIOD: Duration = Duration::from_millis(20);

/// A running program. When it is dropped, its process group is told to end (SIGTERM), and killed (SIGKILL) two seconds later.
pub(super) struct ChildProcess {
    /// `None` once it was waited for.
    child: Option<Child>,
    pid: Pid,
}

impl ChildProcess {
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        // A child that nobody has waited for has a number.
        let pid = id.ok_or_else(|| io::Error::other("the program has no process id"))?;
        Ok(Self { child: Some(child), pid })
    }

    pub(super) fn id(&self) -> i64 {
        self.pid.as_raw_nonzero().get().into()
    }

    /// What the program writes to its standard output and error, for one caller.
    pub(super) fn take_output(&mut self) -> Option<(tokio::process::ChildStdout, tokio::process::ChildStderr)> {
        let child = self.child.as_mut()?;
        child.stdout.take().zip(child.stderr.take())
    }

    /// Waits until the program has ended, and kills what it has left running.
    ///
    /// # Cancel safety
    /// If the future is dropped, the program is ended.
    pub(super) async fn wait(mut self) -> io::Result<ExitStatus> {
        while !has_ended(self.pid)? {
            tokio::time::sleep(LOOK_PERIOD).await;
        }
        signal_group(self.pid, Signal::KILL);
        let mut child = self.child.take().ok_or_else(|| io::Error::other("the program was waited for"))?;
        child.wait().await
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let pid = self.pid;
        signal_group(pid, Signal::TERM);
        // Not on the runtime, which may be shutting down.
        let ending = std::thread::Builder::new().name("program's end".to_owned()).spawn(move || {
            let deadline = Instant::now() + GRACE;
            while Instant::now() < deadline && matches!(has_ended(pid), Ok(false)) {
                std::thread::sleep(LOOK_PERIOD);
            }
            signal_group(pid, Signal::KILL);
            while matches!(child.try_wait(), Ok(None)) {
                std::thread::sleep(LOOK_PERIOD);
            }
        });
        if let Err(error) = ending {
            tracing::warn!(%error, process.pid = self.id(), "a program is killed at once");
            signal_group(pid, Signal::KILL);
        }
    }
}

/// Whether the program has ended; it is not reaped.
fn has_ended(pid: Pid) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    Ok(waitid(WaitId::Pid(pid), options)?.is_some())
}

fn signal_group(pid: Pid, signal: Signal) {
    // It fails only if all of the group have ended.
    let _ended = kill_process_group(pid, signal);
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    /// Runs a script that prints the process ids that it wants watched, one a line.
    fn start(script: &str) -> (ChildProcess, tokio::io::Lines<BufReader<tokio::process::ChildStdout>>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = ChildProcess::spawn(&mut command).unwrap();
        let (stdout, _) = child.take_output().unwrap();
        (child, BufReader::new(stdout).lines())
    }

    /// Runs, and is no zombie.
    fn is_alive(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    async fn wait_until_gone(pid: &str) -> Duration {
        let began = Instant::now();
        while is_alive(pid) {
            assert!(began.elapsed() < Duration::from_secs(10), "{pid} lives on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        began.elapsed()
    }

    #[tokio::test]
    async fn a_dropped_program_ends_with_what_it_has_started_and_nothing_else_does() {
        let (beside, mut beside_lines) = start("echo $$; exec sleep 60");
        let neighbour = beside_lines.next_line().await.unwrap().unwrap();
        // The leader ends when it is told to, its child does not.
        let (child, mut lines) = start("(trap '' TERM; sleep 60 & echo $!; wait) & echo $$; wait");
        let mut pids = Vec::new();
        for _ in 0..2 {
            pids.push(lines.next_line().await.unwrap().unwrap());
        }
        assert!(pids.iter().all(|pid| is_alive(pid)));
        drop(child);
        for pid in &pids {
            assert!(wait_until_gone(pid).await < Duration::from_secs(5));
        }
        assert!(is_alive(&neighbour));
        drop(beside);
        wait_until_gone(&neighbour).await;
    }

    #[tokio::test]
    async fn a_program_that_does_not_end_is_killed_after_two_seconds() {
        let (child, mut lines) = start("trap '' TERM; echo $$; while :; do sleep 0.1; done");
        let pid = lines.next_line().await.unwrap().unwrap();
        drop(child);
        let took = wait_until_gone(&pid).await;
        assert!(took >= GRACE / 2 && took < Duration::from_secs(5), "{took:?}");
    }

    #[tokio::test]
    async fn what_a_program_leaves_running_ends_with_it() {
        let (child, mut lines) = start("sleep 60 & echo $!; exit 3");
        let left = lines.next_line().await.unwrap().unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(3));
        wait_until_gone(&left).await;
    }
}
