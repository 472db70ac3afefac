//! What a host does for all its virtual nodes together.

use machine::Io;

use crate::api::Command;
use crate::member::Member;
use crate::node::Node;

impl Node {
    /// Marks, once in a while, all contacts that are held; the others make room.
    pub(crate) fn mark(&self, io: &Io<'_, Self>) {
        let contacts = &io.shared().contacts;
        if contacts.is_crowded() {
            contacts.mark_all(self.members.iter().flat_map(Member::contacts));
        }
    }

    pub(crate) fn command(&mut self, command: Command, io: &mut Io<'_, Self>) {
        let Some((first, others)) = self.members.split_first_mut() else {
            return;
        };
        first.command(&command, io);
        // The first virtual node is the door for the others.
        let others_do = match command {
            Command::Create => {
                let me = io.shared().contacts.endpoint(first.near.me());
                Command::Join(me)
            }
            Command::Join(_) | Command::Leave => command,
            Command::Lookup { .. }
            | Command::Put { .. }
            | Command::Get { .. }
            | Command::Delete { .. } => return,
        };
        for member in others {
            member.command(&others_do, io);
        }
    }
}
