// SPDX-License-Identifier: MIT
//
// Names for the Boost.Intrusive containers that the kernel uses. A node is a member of the object,
// so linking never allocates and cannot fail; who may link is said where the list is declared.
#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <boost/intrusive/slist.hpp>

namespace tine {

namespace bi = boost::intrusive;

// A node that must be unlinked by hand before its object dies.
using ListNode = bi::list_member_hook<bi::link_mode<bi::normal_link>>;
// A node that unlinks itself when its object dies, and knows whether it is linked.
using AutoListNode = bi::list_member_hook<bi::link_mode<bi::auto_unlink>>;
using TreeNode = bi::set_member_hook<bi::link_mode<bi::normal_link>>;

// A doubly linked list of T through T's member `node`.
template <class T, auto node>
using List = bi::list<T, bi::member_hook<T, ListNode, node>, bi::constant_time_size<false>>;
template <class T, auto node>
using AutoList = bi::list<T, bi::member_hook<T, AutoListNode, node>, bi::constant_time_size<false>>;

}  // namespace tine
