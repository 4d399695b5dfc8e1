//! The bus of a stack in one process: events are kept for a look, and written to a file.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use usecases::{error::Error, ports::Bus, relay::BusEvent};

use crate::failure::Failure;

/// Events kept for `GET /events`.
const RECENT: usize = 1_000;

struct State {
    file: File,
    recent: VecDeque<BusEvent>,
    announced: usize,
    position: Option<String>,
}

/// The bus, and how far the stream was read.
pub(crate) struct LocalBus {
    state: Mutex<State>,
    position_file: PathBuf,
}

impl LocalBus {
    /// Opens the event file of a folder.
    pub(crate) fn open(data: &Path) -> Result<Self, Failure> {
        let path = data.join("events.jsonl");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|e| Failure::io("open", &path, e))?;
        let position_file = data.join("stream.position");
        let position = fs::read_to_string(&position_file).ok();
        let state = State { file, recent: VecDeque::new(), announced: 0, position };
        Ok(Self { state: Mutex::new(state), position_file })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the relay goes on.
    pub(crate) fn position(&self) -> Option<String> {
        self.state().position.clone()
    }

    /// Remembers it, also over a restart.
    pub(crate) fn keep_position(&self, position: &str) -> Result<(), Failure> {
        fs::write(&self.position_file, position).map_err(|e| Failure::io("write", &self.position_file, e))?;
        self.state().position = Some(position.to_owned());
        Ok(())
    }

    /// Events announced by this process.
    pub(crate) fn announced(&self) -> usize {
        self.state().announced
    }

    /// The newest events, oldest first.
    pub(crate) fn recent(&self) -> Vec<BusEvent> {
        self.state().recent.iter().cloned().collect()
    }
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(&self, events: Vec<BusEvent>) -> Result<Vec<BusEvent>, Error> {
        let mut state = self.state();
        for event in events {
            let line = serde_json::to_string(&event).map_err(|e| Error::unavailable("write the event", e))?;
            writeln!(state.file, "{line}").map_err(|e| Error::unavailable("write the event", e))?;
            state.announced += 1;
            if state.recent.len() == RECENT {
                state.recent.pop_front();
            }
            state.recent.push_back(event);
        }
        Ok(Vec::new())
    }
}
