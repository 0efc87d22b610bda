//! The conference of an engine: everybody in it hears everybody else and the microphone.
//!
//! Owns the sums and the common pace. A desk has one microphone and one ear, so there is one conference,
//! and the devices of one member serve them all: the first that has any, the next when it leaves or loses
//! them. Members come and go between two frames. Nothing is allocated and nothing is locked here.

use std::time::{Duration, Instant};

use super::worker::Worker;
use crate::SAMPLE_RATE;
use crate::volume::saturate;

/// Length of a frame; members of a shorter one send two.
const FRAME: Duration = Duration::from_millis(20);

/// Samples of a frame.
const SAMPLES: usize = SAMPLE_RATE as usize / 50;

/// Frames that are made up for after a delay; beyond them the pace starts anew.
const MAX_BEHIND: u32 = 5;

/// The sums of one frame, and when the next is due.
pub(crate) struct Conference {
    next_frame: Option<Instant>,
    /// What all members say.
    all: [i32; SAMPLES],
    /// What those say who are part of the talk.
    talk: [i32; SAMPLES],
    microphone: [i16; SAMPLES],
    mix: [i16; SAMPLES],
}

impl Default for Conference {
    fn default() -> Self {
        Self {
            next_frame: None,
            all: [0; SAMPLES],
            talk: [0; SAMPLES],
            microphone: [0; SAMPLES],
            mix: [0; SAMPLES],
        }
    }
}

impl Conference {
    /// Runs the frames due at `now`.
    pub(crate) fn advance(&mut self, worker: &mut Worker, members: &[usize], now: Instant) {
        if members.is_empty() {
            self.next_frame = None;
            return;
        }
        let mut due = self.next_frame.unwrap_or(now);
        if now > due + FRAME * MAX_BEHIND {
            due = now;
        }
        while due <= now {
            self.run_frame(worker, members, now);
            due += FRAME;
        }
        self.next_frame = Some(due);
        for id in members {
            worker.guard(*id, |member| member.wait_until(due));
        }
    }

    fn run_frame(&mut self, worker: &mut Worker, members: &[usize], now: Instant) {
        self.all.fill(0);
        self.talk.fill(0);
        for id in members {
            worker.guard(*id, |member| {
                member.hear(now, SAMPLES);
                add(&mut self.all, member.heard());
                if member.talks() {
                    add(&mut self.talk, member.heard());
                }
            });
        }
        for (sample, sum) in self.mix.iter_mut().zip(&self.all) {
            *sample = saturate(*sum);
        }
        for id in members {
            if worker.guard(*id, |member| member.play(&self.mix)) == Some(true) {
                break;
            }
        }
        let mut spoken = false;
        for id in members {
            spoken = worker.guard(*id, |member| member.listen(&mut self.microphone)) == Some(true);
            if spoken {
                break;
            }
        }
        if !spoken {
            self.microphone.fill(0);
        }
        for id in members {
            worker.guard(*id, |member| {
                let (muted, talks) = (member.is_muted(), member.talks());
                for (n, sample) in self.mix.iter_mut().enumerate() {
                    let own = if talks {
                        i32::from(member.heard()[n])
                    } else {
                        0
                    };
                    let here = if muted {
                        0
                    } else {
                        i32::from(self.microphone[n])
                    };
                    *sample = saturate(self.talk[n] - own + here);
                }
                member.say(now, &self.mix);
            });
        }
    }
}

fn add(sum: &mut [i32; SAMPLES], frame: &[i16]) {
    for (sum, sample) in sum.iter_mut().zip(frame) {
        *sum += i32::from(*sample);
    }
}
