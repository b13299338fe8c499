//! The matrix of causes: what may happen to a device, each as a scenario with a name, and exactly the lines that are to
//! be told of it, over the simulated network and in virtual time. Devices send a beat a second unless they say otherwise.

mod clocks;
mod flapping;
mod lives;
mod roaming;
#[cfg(test)]
mod script;
mod twins;
