//! Many short queues in one piece of memory.
//!
//! A wheel has thousands of slots, and what waits moves from the slots of this moment to those of
//! the next. If each slot owned a vector, each would keep its peak, ten times what is ever in use
//! at once. Here a queue is a chain of small chunks of one store; an emptied chunk serves whoever
//! needs one next, while it is still in the cache.

use hardware::prefer_huge_pages;
use machine::prefetch;

/// How many items a chunk has: enough to walk through memory in order, few enough that the chunks
/// which are filled in part do not count.
const CHUNK_LEN: usize = 14;

/// No chunk.
const NONE: u32 = u32::MAX;

/// The memory of all queues.
#[derive(Debug)]
pub(crate) struct Store<E> {
    chunks: Vec<Chunk<E>>,
    /// The first of the chunks that are free, each of which names the next.
    free: u32,
}

/// One queue: the names of its first and its last chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain {
    first: u32,
    last: u32,
}

#[derive(Debug)]
struct Chunk<E> {
    next: u32,
    len: u32,
    items: [Option<E>; CHUNK_LEN],
}

impl Chain {
    /// A queue without anything in it.
    pub(crate) const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
    };
}

impl<E> Store<E> {
    pub(crate) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: NONE,
        }
    }

    /// Puts an item at a queue's end.
    #[inline]
    pub(crate) fn push(&mut self, chain: &mut Chain, item: E) {
        let has_room = self
            .chunks
            .get(chain.last as usize)
            .is_some_and(|chunk| (chunk.len as usize) < CHUNK_LEN);
        if !has_room {
            self.extend(chain);
        }
        let chunk = &mut self.chunks[chain.last as usize];
        chunk.items[chunk.len as usize] = Some(item);
        chunk.len += 1;
    }

    /// Moves all items of a queue behind those of `into`, in order.
    pub(crate) fn take(&mut self, chain: &mut Chain, into: &mut Vec<E>) {
        let mut name = chain.first;
        while let Some(chunk) = self.chunks.get_mut(name as usize) {
            into.extend(chunk.items.iter_mut().map_while(Option::take));
            chunk.len = 0;
            let next = core::mem::replace(&mut chunk.next, self.free);
            self.free = name;
            name = next;
        }
        *chain = Chain::EMPTY;
    }

    /// Asks for the memory of a queue's beginning.
    pub(crate) fn expect(&self, chain: Chain) {
        if let Some(chunk) = self.chunks.get(chain.first as usize) {
            prefetch(chunk);
        }
    }

    /// How many chunks there are, used or free.
    #[cfg(test)]
    pub(crate) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    #[cold]
    fn extend(&mut self, chain: &mut Chain) {
        let name = self.vacant();
        match self.chunks.get_mut(chain.last as usize) {
            Some(last) => last.next = name,
            None => chain.first = name,
        }
        chain.last = name;
    }

    /// A chunk for use.
    fn vacant(&mut self) -> u32 {
        if let Some(chunk) = self.chunks.get_mut(self.free as usize) {
            let name = self.free;
            self.free = core::mem::replace(&mut chunk.next, NONE);
            return name;
        }
        if self.chunks.len() == self.chunks.capacity() {
            let mut grown = Vec::with_capacity((self.chunks.len() * 2).max(4));
            prefer_huge_pages(&grown);
            grown.append(&mut self.chunks);
            self.chunks = grown;
        }
        self.chunks.push(Chunk {
            next: NONE,
            len: 0,
            items: [const { None }; CHUNK_LEN],
        });
        u32::try_from(self.chunks.len() - 1).expect("fewer chunks than fit in memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_keep_their_order_and_share_their_memory() {
        let mut store = Store::new();
        let (mut odd, mut even) = (Chain::EMPTY, Chain::EMPTY);
        for round in 0..10 {
            for number in 0..1000 {
                let chain = if number % 2 == 0 { &mut even } else { &mut odd };
                store.push(chain, round + number);
            }
            let mut taken = Vec::new();
            store.take(&mut odd, &mut taken);
            store.take(&mut even, &mut taken);
            let odds = (0..500).map(|half| round + 2 * half + 1);
            let evens = (0..500).map(|half| round + 2 * half);
            assert!(taken.into_iter().eq(odds.chain(evens)));
        }
        assert_eq!(store.chunks(), 2 * 500_usize.div_ceil(CHUNK_LEN));
    }
}
