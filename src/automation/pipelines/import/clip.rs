//! Frames of a clip, read by ffmpeg.
//!
//! ffmpeg is run as a child in a process group of its own. It may read the clip and no other file: it knows only containers
//! that name no other files, and only the protocol of files. It knows none of the server's settings. What it decodes comes
//! through a pipe: if the server dies, ffmpeg's next frame meets a closed pipe, and it ends; a limit of processor time ends it
//! in any case.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;

use super::frame_selection::FrameSelection;
use crate::automation::JobFailure;
use crate::automation::child_process::ChildProcess;
use crate::automation::task_files::UPLOAD;
use crate::domain::Photo;

pub(super) const FFMPEG: &str = "ffmpeg";
/// Containers of cameras and phones.
const CONTAINERS: &str = "mov,matroska,webm,avi,mpegts";
/// What is read of a clip: a turntable needs less for a turn.
const CLIP_S_MAX: u32 = 60;
/// Four frames a second, the longer side at most 1280 pixels.
const FILTER: &str = "fps=4,scale=w='min(1280,iw)':h='min(1280,ih)':force_original_aspect_ratio=decrease";
const FRAME_SIDE_MAX: u32 = 1_280;
/// Those of [`CLIP_S_MAX`] seconds.
const FRAMES_READ_MAX: &str = "240";
/// Pixels of a frame of the clip; 8K has 33 million.
const CLIP_PIXELS_MAX: &str = "40000000";
/// Seconds of processor time; a minute in 4K takes one to two minutes.
const CPU_S_MAX: &str = "240";
/// A server that is busy may take longer.
const DEADLINE: Duration = Duration::from_secs(600);
/// Bytes of ffmpeg's messages that are kept.
const MESSAGES_BYTES_MAX: usize = 4_096;

/// Where ffmpeg is, if it is installed.
pub fn find_ffmpeg() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(FFMPEG)).find(|path| path.is_file())
}

/// A running ffmpeg that decodes the clip of a task.
pub(super) struct ClipReader {
    ffmpeg: ChildProcess,
}

impl ClipReader {
    /// Starts ffmpeg on the uploaded file in `folder`.
    pub(super) fn start(folder: &Path) -> Result<Self, JobFailure> {
        if !folder.join(UPLOAD).is_file() {
            return Err(JobFailure::lasting(
                "The uploaded clip is not in this server's data folder. Servers on one database must share the folder.",
            ));
        }
        let mut command = Command::new(FFMPEG);
        // Its settings and secrets are none of ffmpeg's business.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args(["-hide_banner", "-nostdin", "-v", "error", "-timelimit", CPU_S_MAX, "-filter_threads", "1"]);
        // One thread, because the tills need the others.
        command.args(["-threads", "1", "-protocol_whitelist", "file", "-format_whitelist", CONTAINERS]);
        command.args(["-max_pixels", CLIP_PIXELS_MAX, "-t", &CLIP_S_MAX.to_string(), "-i", &format!("file:{UPLOAD}")]);
        command.args(["-map", "0:v:0", "-vf", FILTER, "-frames:v", FRAMES_READ_MAX]);
        command.args(["-c:v", "ppm", "-f", "image2pipe", "pipe:1"]);
        let ffmpeg = ChildProcess::spawn(&mut command).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                return JobFailure::lasting(
                    "ffmpeg is not installed on this server, and clips cannot be read without it. Install it (on Debian \
                     and Ubuntu: apt install ffmpeg), then retry this item.",
                );
            }
            JobFailure::passing(format!("ffmpeg could not be started: {error}."))
        })?;
        Ok(Self { ffmpeg })
    }

    pub(super) fn process_id(&self) -> i64 {
        self.ffmpeg.id()
    }

    /// Picks at most `frames_max` frames; returns them as JPEGs, with the number of those they were picked from.
    ///
    /// # Cancel safety
    /// If the future is dropped, ffmpeg is ended.
    pub(super) async fn pick_frames(self, frames_max: usize) -> Result<(Vec<Vec<u8>>, usize), JobFailure> {
        let picked = tokio::time::timeout(DEADLINE, self.read(frames_max)).await;
        picked.unwrap_or_else(|_| Err(too_long()))
    }

    async fn read(mut self, frames_max: usize) -> Result<(Vec<Vec<u8>>, usize), JobFailure> {
        let Some((stdout, stderr)) = self.ffmpeg.take_output() else {
            return Err(JobFailure::passing("ffmpeg's output was taken already."));
        };
        let (selection, messages) = tokio::join!(select_frames(BufReader::new(stdout)), read_messages(stderr));
        let status = self.ffmpeg.wait().await.map_err(JobFailure::passing)?;
        check_end(status, &messages)?;
        let picked = tokio::task::spawn_blocking(move || selection?.finish(frames_max).map_err(JobFailure::passing));
        let (frames, count) = picked.await.map_err(JobFailure::passing)??;
        if frames.is_empty() {
            return Err(JobFailure::lasting("The clip has no frame. Send a clip with pictures."));
        }
        Ok((frames, count))
    }
}

async fn select_frames(mut output: BufReader<impl AsyncRead + Unpin>) -> Result<FrameSelection, JobFailure> {
    let mut selection = FrameSelection::default();
    while let Some(frame) = read_frame(&mut output).await? {
        let added = tokio::task::spawn_blocking(move || selection.add(frame).map(|()| selection));
        selection = added.await.map_err(JobFailure::passing)?.map_err(JobFailure::passing)?;
    }
    Ok(selection)
}

/// Reads a picture as ffmpeg writes it (binary PPM: `P6`, width and height, `255`, a line each, then the values); `None` at
/// the end.
async fn read_frame(output: &mut BufReader<impl AsyncRead + Unpin>) -> Result<Option<Photo>, JobFailure> {
    let failed = |what: &dyn std::fmt::Display| JobFailure::passing(format!("ffmpeg's output cannot be read: {what}."));
    let mut header = Vec::new();
    for _ in 0..3 {
        let mut line = (&mut *output).take(64);
        line.read_until(b'\n', &mut header).await.map_err(|error| failed(&error))?;
    }
    if header.is_empty() {
        return Ok(None);
    }
    let header = String::from_utf8_lossy(&header);
    let fields: Vec<&str> = header.split_whitespace().collect();
    let [magic, width, height, depth] = fields[..] else { return Err(failed(&"a frame has no header")) };
    let side = |text: &str| text.parse::<u32>().ok().filter(|side| (1..=FRAME_SIDE_MAX).contains(side));
    let (Some(width), Some(height), "P6", "255") = (side(width), side(height), magic, depth) else {
        return Err(failed(&format!("\"{}\" is no header of a frame", header.escape_debug())));
    };
    let mut values = vec![0; width as usize * height as usize * 3];
    output.read_exact(&mut values).await.map_err(|error| failed(&error))?;
    Ok(Photo::new(width, height, values))
}

/// The last of what ffmpeg says.
async fn read_messages(mut stderr: impl AsyncRead + Unpin) -> String {
    let (mut kept, mut chunk) = (Vec::new(), [0; 1_024]);
    // A failure ends the messages; the exit status tells the rest.
    while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..read]);
        let surplus = kept.len().saturating_sub(MESSAGES_BYTES_MAX);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

fn check_end(status: ExitStatus, messages: &str) -> Result<(), JobFailure> {
    use std::os::unix::process::ExitStatusExt;
    if status.success() {
        return Ok(());
    }
    // SIGXCPU: the limit of processor time.
    if status.signal() == Some(24) {
        return Err(too_long());
    }
    let reason = plain_reason(messages).unwrap_or_else(|| status.to_string());
    Err(JobFailure::lasting(format!(
        "ffmpeg cannot read the clip: {reason}. Send the clip as the camera wrote it: MP4, MOV, MKV, WebM, AVI or TS."
    )))
}

fn too_long() -> JobFailure {
    JobFailure::lasting("The clip takes too long to read. Send one of fewer seconds or fewer pixels.")
}

/// ffmpeg's last two messages without its own names of files and parts.
fn plain_reason(messages: &str) -> Option<String> {
    let file = format!("file:{UPLOAD}: ");
    let mut lines: Vec<&str> = messages
        .lines()
        .map(|line| line.split_once("] ").filter(|_| line.starts_with('[')).map_or(line, |(_, rest)| rest))
        .map(|line| line.trim().trim_start_matches(file.as_str()).trim_end_matches('.'))
        .filter(|line| !line.is_empty() && !line.starts_with("To ignore this"))
        .collect();
    lines.dedup();
    let reason = lines[lines.len().saturating_sub(2)..].join("; ");
    (!reason.is_empty()).then_some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ffmpegs_messages_become_a_reason() {
        let messages = "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x5626cc1bddc0] moov atom not found\n\
            file:upload: Invalid data found when processing input\n";
        assert_eq!(plain_reason(messages).unwrap(), "moov atom not found; Invalid data found when processing input");
        let no_pictures = "Stream map '0:v:0' matches no streams.\nTo ignore this, add a trailing '?' to the map.\n";
        assert_eq!(plain_reason(no_pictures).unwrap(), "Stream map '0:v:0' matches no streams");
        assert_eq!(plain_reason(""), None);
    }

    #[tokio::test]
    async fn frames_are_read_one_after_the_other() {
        let bytes: &[u8] = b"P6\n2 1\n255\nabcdefP6\n1 1\n255\nxyz";
        let mut output = BufReader::new(bytes);
        let mut read = async || read_frame(&mut output).await.unwrap().map(|frame| frame.rgb().to_vec());
        assert_eq!(read().await.unwrap(), b"abcdef");
        assert_eq!(read().await.unwrap(), b"xyz");
        assert_eq!(read().await, None);
        for wrong in ["P6\n2 1\n255\nabc", "P5\n2 1\n255\nabcdef", "P6\n99999 1\n255\n", "P6\n0 1\n255\n", "hello"] {
            let mut output = BufReader::new(wrong.as_bytes());
            assert!(read_frame(&mut output).await.is_err(), "{wrong}");
        }
    }
}
