//! The rules of correlation, and nothing else.
//!
//! Everything here is a value: it takes facts (an event, an answer of a look-up, the time) and returns what should be
//! done. There is no I/O, no clock, no async, no randomness and no lock, so each rule can be tested in a
//! microsecond and the simulation runs the very same code as production.
//!
//! Read it in the way of an event:
//!
//! 1. [`event`]: what comes in, and its JSON.
//! 2. [`index`]: which directives an event may concern.
//! 3. [`directive`] and [`matcher`]: detections in stages, compiled at load; [`assets`]: whose addresses are home.
//! 4. [`duplicates`], [`expiry`], [`routing`]: which events a directive has had, which of its backlogs are over,
//!    which of them an event may concern.
//! 5. [`backlog`]: the state machine of one attempt at completing a directive, with [`sticky`] and [`risk`].
//! 6. [`alarm`]: the documents that come out; [`finding`]: what look-ups add to them; [`snapshot`]: state at rest.
//!
//! Beside the way: [`sources`] (intel and vulnerability source files), [`throttle`] (the frontend's limiter),
//! [`configuration`] (a file checked by its name) and [`problem`] (everything that is wrong with a file, told to the
//! person who wrote it).

mod address;
pub mod alarm;
pub mod assets;
pub mod backlog;
pub mod bounded;
pub mod configuration;
pub mod directive;
pub mod duplicates;
pub mod event;
pub mod example;
pub mod expiry;
pub mod finding;
mod form;
pub mod hash;
pub mod index;
pub mod matcher;
mod positions;
pub mod problem;
pub mod risk;
pub mod routing;
pub mod snapshot;
pub mod sources;
pub mod sticky;
pub mod throttle;
pub mod time;
