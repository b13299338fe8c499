//! Frames that nobody with a key has made: what an attacker who hears everything can put together.

use beacon_common::{DeviceKey, FRAME_LEN, Flags, Frame, Health, Kind, Label, Reason, Seq, Session};

use crate::random::Random;

const KIND: usize = 3;
const KEY_ID: usize = 6;
const TAG: usize = 56;
const BITS: u64 = FRAME_LEN as u64 * 8;

/// An attacker on the path, with a device of its own: it has heard real datagrams, and has the key of `mallory`.
pub struct Forger {
    random: Random,
    own_key: DeviceKey,
    /// The newest datagram that each device sent, and its label.
    heard: Vec<(Label, [u8; FRAME_LEN])>,
    /// What the collector sent, whose tags are right.
    answered: Vec<[u8; FRAME_LEN]>,
}

impl Forger {
    /// An attacker that has the key of a device of its own.
    #[must_use]
    pub const fn new(random: Random, own_key: DeviceKey) -> Self {
        Self {
            random,
            own_key,
            heard: Vec::new(),
            answered: Vec::new(),
        }
    }

    /// Hears what the device called `label` sends.
    pub fn hear(&mut self, label: Label, datagram: [u8; FRAME_LEN]) {
        self.heard.retain(|(known, _)| *known != label);
        self.heard.push((label, datagram));
    }

    /// Hears what the collector sends.
    pub fn hear_answer(&mut self, datagram: [u8; FRAME_LEN]) {
        self.answered.truncate(15);
        self.answered.insert(0, datagram);
    }

    /// A datagram that a collector with keys must drop.
    ///
    /// # Panics
    /// Where nothing was heard yet.
    pub fn forge(&mut self) -> Vec<u8> {
        let (label, real) = self.random.pick(&self.heard);
        let mut forged = real;
        match self.random.below(14) {
            0 => return self.noise(),
            1 | 2 => self.flip(&mut forged),
            3 => forged[TAG..].fill(0),
            4 => self.frame(label).emit(None, &mut forged),
            5 => self.frame(label).emit(Some(&self.own_key), &mut forged),
            6..10 => {
                let frame = self.invented(label);
                self.with_a_tag(frame, &real, &mut forged);
            }
            10 => self.reflect(&mut forged),
            11 => forged[KIND] = self.random.pick(&[0, 3, 4, 5, 6, 128, 255]),
            12 => forged[KEY_ID] = forged[KEY_ID].wrapping_add(self.random.within(1..256) as u8),
            _ => return self.cut(&real),
        }
        forged.to_vec()
    }

    /// Any bytes, at times of the right length.
    fn noise(&mut self) -> Vec<u8> {
        let length = self.random.pick(&[FRAME_LEN as u64, 0, 63, 65, 1_400]);
        (0..length).map(|_| self.random.number() as u8).collect()
    }

    /// One bit is another, or two.
    fn flip(&mut self, datagram: &mut [u8; FRAME_LEN]) {
        let first = self.random.below(BITS);
        let second = (first + self.random.below(BITS)) % BITS;
        datagram[first as usize / 8] ^= 1 << (first % 8);
        if second != first {
            datagram[second as usize / 8] ^= 1 << (second % 8);
        }
    }

    /// What the collector has sent comes back to it.
    fn reflect(&mut self, datagram: &mut [u8; FRAME_LEN]) {
        match self.answered.as_slice() {
            [] => datagram[KIND] = 3,
            answered => *datagram = self.random.pick(answered),
        }
    }

    fn cut(&mut self, real: &[u8; FRAME_LEN]) -> Vec<u8> {
        let mut bytes = real.to_vec();
        bytes.resize(self.random.pick(&[0, 1, 56, 63, 65, 128]), 0);
        bytes
    }

    /// `frame` under the key id of a real datagram, with its tag, with none or with any.
    fn with_a_tag(&mut self, frame: Frame, real: &[u8; FRAME_LEN], forged: &mut [u8; FRAME_LEN]) {
        frame.emit(None, forged);
        forged[KEY_ID] = real[KEY_ID];
        match self.random.below(3) {
            0 => forged[TAG..].copy_from_slice(&real[TAG..]),
            1 => forged[TAG..].copy_from_slice(&self.random.number().to_be_bytes()),
            _ => {}
        }
    }

    /// A well-formed frame of `label` with any numbers.
    fn frame(&mut self, label: Label) -> Frame {
        let any = self.random.number();
        Frame {
            kind: self.random.pick(&[
                Kind::Beat(Health::Critical),
                Kind::Bye(Reason::Stop),
                Kind::Bye(Reason::Sleep),
                Kind::Reply,
            ]),
            flags: Flags {
                want_ack: true,
                skipped: any & 1 == 1,
            },
            misses: self.random.number() as u8,
            label,
            session: Session::from_u64(self.random.number()),
            sent_us: self.random.pick(&[0, any, u64::MAX]),
            seq: Seq::new(self.random.number() as u32),
            interval_ms: self.random.pick(&[10, 1_000, 1 << 31]),
            next_ms: self.random.number() as u32,
            uptime_s: any as u32,
        }
    }

    /// A frame that would put the real ones behind it if it were believed.
    fn invented(&mut self, label: Label) -> Frame {
        let mut frame = self.frame(label);
        match self.random.below(4) {
            // The last number of all, so that no later one is newer.
            0 => frame.seq = Seq::LAST,
            // A session that begins when no real one does any more.
            1 => frame.session = Session::from_u64(u64::MAX - self.random.below(1 << 40)),
            2 => frame.kind = Kind::Bye(Reason::Stop),
            _ => {}
        }
        frame
    }
}
