//! Threads that come when there is work and go when there is none.
//!
//! Looking up names and checking pieces wait for others (a name server, a disk), so they must not
//! happen on the network thread. Most of the time there is nothing to do, and then there is no
//! thread either.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// A queue of jobs and the threads that work on it.
pub(crate) struct Crew<J> {
    shared: Arc<Shared<J>>,
}

struct Shared<J> {
    name: &'static str,
    threads_max: NonZeroUsize,
    /// The most jobs that one thread takes at a time.
    batch_max: NonZeroUsize,
    work: Box<dyn Fn(Vec<J>) + Send + Sync>,
    queue: Mutex<Queue<J>>,
}

struct Queue<J> {
    jobs: VecDeque<J>,
    threads: usize,
}

impl<J: Send + 'static> Crew<J> {
    /// A crew without a thread yet. Each thread calls `work` with up to `batch_max` jobs.
    pub(crate) fn new(
        name: &'static str,
        threads_max: NonZeroUsize,
        batch_max: NonZeroUsize,
        work: impl Fn(Vec<J>) + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                name,
                threads_max,
                batch_max,
                work: Box::new(work),
                queue: Mutex::new(Queue {
                    jobs: VecDeque::new(),
                    threads: 0,
                }),
            }),
        }
    }

    /// Adds a job to the queue.
    pub(crate) fn give(&self, job: J) {
        let mut queue = self.shared.queue();
        queue.jobs.push_back(job);
        if queue.threads == self.shared.threads_max.get() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let started = thread::Builder::new()
            .name(self.shared.name.into())
            .spawn(move || shared.serve());
        match started {
            Ok(_) => queue.threads += 1,
            // Another thread will come to it, or the next job's will.
            Err(error) => tracing::warn!(crew = self.shared.name, %error, "no thread"),
        }
    }

    /// Takes back the jobs that nobody has begun.
    pub(crate) fn recall(&self) -> Vec<J> {
        self.shared.queue().jobs.drain(..).collect()
    }
}

impl<J> Shared<J> {
    fn serve(&self) {
        loop {
            let batch: Vec<J> = {
                let mut queue = self.queue();
                let count = queue.jobs.len().min(self.batch_max.get());
                if count == 0 {
                    queue.threads -= 1;
                    return;
                }
                queue.jobs.drain(..count).collect()
            };
            (self.work)(batch);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<J>> {
        self.queue
            .lock()
            .expect("nobody panics with the queue in hand")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn every_job_is_done_once() {
        let (done, results) = mpsc::channel();
        let three = NonZeroUsize::new(3).expect("not zero");
        let crew = Crew::new("test", three, three, move |batch: Vec<u32>| {
            assert!(batch.len() <= 3);
            for job in batch {
                done.send(job).expect("somebody listens");
            }
        });
        (0..1000).for_each(|job| crew.give(job));
        let mut seen: Vec<u32> = results.iter().take(1000).collect();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..1000));
    }

    #[test]
    fn jobs_can_be_recalled() {
        let (begun, wait_begun) = mpsc::channel();
        let (go, wait_go) = mpsc::channel();
        let wait_go = Mutex::new(wait_go);
        let one = NonZeroUsize::MIN;
        let crew = Crew::new("test", one, one, move |_: Vec<u32>| {
            begun.send(()).expect("somebody listens");
            wait_go.lock().expect("one").recv().expect("told");
        });
        crew.give(1);
        wait_begun.recv().expect("begins");
        crew.give(2);
        crew.give(3);
        assert_eq!(crew.recall(), [2, 3]);
        go.send(()).expect("waits");
    }
}
