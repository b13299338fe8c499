//! What a client can take of the collector (docs/http.md).

use std::time::Duration;

/// How many clients are served at once. One more takes the place of the one that has been silent longest.
pub(super) const MAX_CLIENTS: usize = 256;

/// How many clients of the control socket there are at once, likewise.
pub(super) const MAX_CONTROLLERS: usize = 64;

/// How many of them may follow the event lines, so that there is always a place for those who ask once.
pub(super) const MAX_FOLLOWERS: usize = 128;

/// How long the head of a request may be.
pub(super) const MAX_HEAD: usize = 8 * 1024;

/// How many headers a request may have.
pub(super) const MAX_HEADERS: usize = 64;

/// How long a request may take to come, from its first byte on or from when the client connected.
pub(super) const REQUEST_WITHIN: Duration = Duration::from_secs(10);

/// How long a connection is kept without a request.
pub(super) const IDLE_FOR: Duration = Duration::from_mins(2);

/// How long the shards may take to show what an answer needs.
pub(super) const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// How long a client may take nothing of what it asked for.
pub(super) const STALLED_FOR: Duration = Duration::from_secs(10);

/// How long an answer may take that has an end.
pub(super) const ANSWERED_WITHIN: Duration = Duration::from_mins(1);

/// How long is waited for a client to close its side.
pub(super) const CLOSED_WITHIN: Duration = Duration::from_secs(2);

/// How many parts of a long answer are made before others have their turn.
pub(super) const PARTS_A_TURN: usize = 8;
