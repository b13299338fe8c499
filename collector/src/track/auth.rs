//! Who may speak: every frame is checked here before anything changes (docs/protocol.md, section 6).

use std::sync::Arc;

use beacon_common::{DeviceKey, KeyId, Label, MasterKey, View};

use super::reject::Reject;

/// The master keys, once for all who check by them: what is freed last wipes them. They stay in the vector that they were
/// read into, because whatever moves them leaves a copy behind that nobody wipes.
pub type Masters = Arc<Vec<MasterKey>>;

/// The masters by which frames are checked; with none, only frames without a key are taken.
pub struct Authority {
    masters: Masters,
}

impl Authority {
    /// An authority that knows these masters.
    #[must_use]
    pub const fn new(masters: Masters) -> Self {
        Self { masters }
    }

    /// Whether every frame has to be made with a key.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        !self.masters.is_empty()
    }

    /// The key with this id of the device called `label`, if there is such a master.
    #[must_use]
    pub fn device_key(&self, id: KeyId, label: &Label) -> Option<DeviceKey> {
        let master = self.masters.iter().find(|master| master.id() == id)?;
        Some(master.device_key(label))
    }

    /// Checks a frame's tag. What comes back is the key that the answer is to be made with.
    ///
    /// # Errors
    /// [`Reject::Unkeyed`] for a frame without a key where keys are required, [`Reject::Key`] for a key that is
    /// not known, [`Reject::Tag`] for a tag that is wrong.
    #[inline(always)]
    pub fn check(&self, view: &View<'_>) -> Result<Option<DeviceKey>, Reject> {
        let Some(id) = view.key_id() else {
            return if self.masters.is_empty() {
                Ok(None)
            } else {
                Err(Reject::Unkeyed)
            };
        };
        let key = self.device_key(id, &view.label()).ok_or(Reject::Key)?;
        if view.is_tagged_by(&key) {
            Ok(Some(key))
        } else {
            Err(Reject::Tag)
        }
    }
}
