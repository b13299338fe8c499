//! Who may speak: every frame is checked here before anything changes (docs/protocol.md, section 6).

use beacon_common::{DeviceKey, MasterKey, View};

use super::reject::Reject;

/// The masters by which frames are checked; with none, only frames without a key are taken.
pub struct Authority {
    masters: Vec<MasterKey>,
}

impl Authority {
    /// An authority that knows these masters.
    #[must_use]
    pub const fn new(masters: Vec<MasterKey>) -> Self {
        Self { masters }
    }

    /// Checks a frame's tag. What comes back is the key that the answer is to be made with.
    ///
    /// # Errors
    /// [`Reject::Unkeyed`] for a frame without a key where keys are required, [`Reject::Key`] for a key that is
    /// not known, [`Reject::Tag`] for a tag that is wrong.
    pub fn check(&self, view: &View<'_>) -> Result<Option<DeviceKey>, Reject> {
        let Some(id) = view.key_id() else {
            return if self.masters.is_empty() {
                Ok(None)
            } else {
                Err(Reject::Unkeyed)
            };
        };
        let master = self
            .masters
            .iter()
            .find(|master| master.id() == id)
            .ok_or(Reject::Key)?;
        let key = master.device_key(&view.label());
        if view.is_tagged_by(&key) {
            Ok(Some(key))
        } else {
            Err(Reject::Tag)
        }
    }
}
