//! What the collector does beside running: its commands, and what each takes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use beacon_common::{KeyId, Label};
use clap::Subcommand;

use super::values;
use crate::track::silences::Reason;

/// What there is to do beside running.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Print a new master key as a line for the collector's key file
    Keygen {
        /// Number of the key
        #[arg(long, env = "BEACON_KEY_ID", value_name = "1-255", default_value = "1", value_parser = values::key_id, allow_hyphen_values = true)]
        id: KeyId,
    },
    /// Print the key of one device as the line for that device's key file
    DeviceKey {
        /// File with the master keys
        #[arg(long, env = "BEACON_KEYS", value_name = "FILE")]
        keys: PathBuf,
        /// Label of the device
        #[arg(value_name = "LABEL", value_parser = values::label, allow_hyphen_values = true)]
        label: Label,
        /// Number of the master key to use [default: the last one in the file]
        #[arg(long, env = "BEACON_KEY_ID", value_name = "1-255", value_parser = values::key_id, allow_hyphen_values = true)]
        id: Option<KeyId>,
    },
    /// Print the JSON Schema of the event lines
    Schema,
    /// Show what a running collector knows of its sources, the worst first; docs/control.md. Exit codes: 0 all is well,
    /// 1 a source is late or down and not silenced, 2 wrong arguments (3 with --plugin), 3 no collector answers (with
    /// --plugin whatever else there is no verdict for), 66 there is no such source or group (3 with --plugin)
    Status(Status),
    /// Mark the lines about a source, or a group, as silenced, and run no hooks for it, for some time
    #[command(allow_missing_positional = true)]
    Silence {
        /// One source, or a group
        #[command(flatten)]
        whom: Whom,
        /// For how long, like 2h
        #[arg(value_name = "DURATION", value_parser = values::silence, allow_hyphen_values = true)]
        lasts: Duration,
        /// Why, in at most 200 bytes
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, value_parser = values::reason, allow_hyphen_values = true)]
        reason: Reason,
        /// Socket of the collector
        #[arg(long, env = "BEACON_CONTROL", value_name = "PATH")]
        control: Option<OsString>,
    },
    /// End the silence of a source, or a group
    Unsilence {
        /// One source, or a group
        #[command(flatten)]
        whom: Whom,
        /// Socket of the collector
        #[arg(long, env = "BEACON_CONTROL", value_name = "PATH")]
        control: Option<OsString>,
    },
    /// Have a running collector keep nothing of a source, whatever its state
    Forget {
        /// Label of the source
        #[arg(value_name = "LABEL", value_parser = values::label, allow_hyphen_values = true)]
        label: Label,
        /// Socket of the collector
        #[arg(long, env = "BEACON_CONTROL", value_name = "PATH")]
        control: Option<OsString>,
    },
}

/// The sources that something is said of.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Whom {
    /// Label of the source
    #[arg(value_name = "LABEL", value_parser = values::label, required_unless_present = "group", conflicts_with = "group")]
    pub label: Option<Label>,
    /// Instead of one source, all that are now in this group of the inventory
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
}

/// What is to be shown of a running collector.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Status {
    /// One source in detail
    #[arg(value_name = "LABEL", value_parser = values::label)]
    pub label: Option<Label>,

    /// Those of one group of the inventory alone
    #[arg(long, value_name = "NAME", conflicts_with = "label")]
    pub group: Option<String>,

    /// Print JSON: of all sources, the document that HTTP serves as /status.json
    #[arg(long)]
    pub json: bool,

    /// Print one line as monitoring plugins do
    #[arg(long)]
    pub plugin: bool,

    /// Show it anew every second, until it is interrupted
    #[arg(long)]
    pub watch: bool,

    /// Socket of the collector
    #[arg(long, env = "BEACON_CONTROL", value_name = "PATH")]
    pub control: Option<OsString>,
}
