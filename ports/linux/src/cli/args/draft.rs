//! How flags become a [`Draft`].

use std::path::PathBuf;

use super::{CommonArgs, ForwarderArgs, ReplayArgs, RunArgs};
use crate::config::{ConfigError, Draft, DraftPort, Setting};

impl RunArgs {
    /// The file's settings with the flags laid over them.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn draft(self) -> Result<Draft, ConfigError> {
        let mut draft = file(self.config)?;
        let mut over = self.common.draft();
        self.forwarder.add_to(&mut over);
        over.workers = self.workers.map(|count| Setting::flag("--workers", count));
        over.listener_reports = self
            .listener_reports
            .map(|count| Setting::flag("--listener-reports", count));
        over.duration = self.duration.map(|time| Setting::flag("--duration", time));
        over.ports = self
            .ports
            .into_iter()
            .map(|port| DraftPort::new(Setting::flag("--port", port)))
            .collect();
        over.dpdk.arguments = self
            .eal
            .into_iter()
            .map(|argument| Setting::flag("--eal", argument))
            .collect();
        draft.overlay(over);
        Ok(draft)
    }
}

impl ReplayArgs {
    /// The file's settings with the flags laid over them. Where there are no ports, two called
    /// `in` and `out`, and a forwarder of that kind has something to do between them: routes to a
    /// gateway for all addresses, a rule for all UDP.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn draft(self) -> Result<Draft, ConfigError> {
        let mut draft = file(self.config)?;
        let mut over = self.common.draft();
        self.forwarder.add_to(&mut over);
        draft.overlay(over);
        let default = |text: &str| Setting::flag("replay", text.to_owned());
        // Large frames, so that whatever was captured is taken.
        draft
            .frame_size
            .get_or_insert(Setting::flag("replay", 32_768));
        draft.frames.get_or_insert(Setting::flag("replay", 2_048));
        // What comes out is read by other programs: all of it is well formed unless asked for.
        let forwarder = draft.forwarder.as_ref().map(|name| name.value.as_str());
        if forwarder == Some("cross-connect") {
            draft.malformed.get_or_insert(default("drop"));
        }
        if !draft.ports.is_empty() {
            return Ok(draft);
        }
        draft.ports = [REPLAY_IN, REPLAY_OUT]
            .map(|port| DraftPort::new(default(port)))
            .to_vec();
        match draft.forwarder.as_ref().map(|name| name.value.as_str()) {
            Some("router") => {
                if draft.routes.is_empty() {
                    draft.routes = REPLAY_ROUTES.map(default).to_vec();
                }
                if draft.neighbours.is_empty() {
                    draft.neighbours = REPLAY_NEIGHBOURS.map(default).to_vec();
                }
            }
            Some("udp") if draft.udp.is_empty() => draft.udp = vec![default(REPLAY_UDP)],
            _ => {}
        }
        Ok(draft)
    }
}

impl ForwarderArgs {
    fn add_to(self, draft: &mut Draft) {
        let all = |flag: &'static str, texts: Vec<String>| -> Vec<Setting> {
            texts
                .into_iter()
                .map(|text| Setting::flag(flag, text))
                .collect()
        };
        draft.forwarder = self
            .forwarder
            .map(|name| Setting::flag("--forwarder", name));
        draft.routes = all("--route", self.routes);
        draft.neighbours = all("--neighbour", self.neighbours);
        draft.connect = all("--connect", self.connect);
        draft.malformed = self
            .malformed
            .map(|what| Setting::flag("--malformed", what));
        draft.udp = all("--udp", self.udp);
    }
}

impl CommonArgs {
    /// These flags alone.
    #[must_use]
    pub(crate) fn draft(self) -> Draft {
        fn flag<T>(name: &'static str, value: Option<T>) -> Option<Setting<T>> {
            value.map(|value| Setting::flag(name, value))
        }
        Draft {
            frames: flag("--frames", self.frames),
            frame_size: flag("--frame-size", self.frame_size),
            huge_pages: flag("--huge-pages", self.huge_pages),
            reserve_huge_pages: flag(
                "--reserve-huge-pages",
                self.reserve_huge_pages.then_some(true),
            ),
            cpus: flag("--cpu", (!self.cpus.is_empty()).then_some(self.cpus)),
            burst: flag("--burst", self.burst),
            idle: flag("--idle", self.idle),
            stats_interval: flag("--stats-interval", self.stats_interval),
            stats_json: flag("--stats-json", self.stats_json),
            ..Draft::default()
        }
    }
}

fn file(path: Option<PathBuf>) -> Result<Draft, ConfigError> {
    path.map_or_else(|| Ok(Draft::default()), |path| Draft::read(&path))
}

const REPLAY_IN: &str = "null,name=in,addr=192.0.2.1/24,addr=2001:db8:1::1/64";
const REPLAY_OUT: &str = "null,name=out,addr=198.51.100.1/24,addr=2001:db8:2::1/64";
const REPLAY_ROUTES: [&str; 2] = ["0.0.0.0/0 via 198.51.100.2", "::/0 via 2001:db8:2::2"];
const REPLAY_NEIGHBOURS: [&str; 2] = [
    "198.51.100.2 02:00:00:00:00:02",
    "2001:db8:2::2 02:00:00:00:00:02",
];
const REPLAY_UDP: &str = "port in to port out dst-mac 02:00:00:00:00:02";
