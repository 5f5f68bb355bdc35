package store

import (
	"hash/maphash"
	"strings"
)

// A tree is an immutable ordered map: put and remove return a changed copy that
// shares all but the path to the change, so a snapshot is a pointer. It is a
// treap (Seidel and Aragon, "Randomized Search Trees", 1996): ordered by key,
// and as a heap by a hash of the key, which keeps it balanced whatever the
// order of insertion. Nil is the empty tree.
type tree struct {
	key         string
	item        *item
	rank        uint64
	left, right *tree
}

var rankSeed = maphash.MakeSeed()

// get returns the item of key, or nil.
func (t *tree) get(key string) *item {
	for t != nil && t.key != key {
		if key < t.key {
			t = t.left
		} else {
			t = t.right
		}
	}
	if t == nil {
		return nil
	}
	return t.item
}

// put returns t with the item of key set.
func (t *tree) put(key string, it *item) *tree {
	if t == nil {
		return &tree{key: key, item: it, rank: maphash.String(rankSeed, key)}
	}
	c := *t
	switch strings.Compare(key, t.key) {
	case 0:
		c.item = it
	case -1:
		c.left = t.left.put(key, it)
		if l := c.left; l.rank > c.rank { // l is fresh: rotate it up
			c.left, l.right = l.right, &c
			return l
		}
	default:
		c.right = t.right.put(key, it)
		if r := c.right; r.rank > c.rank {
			c.right, r.left = r.left, &c
			return r
		}
	}
	return &c
}

// remove returns t without key.
func (t *tree) remove(key string) *tree {
	if t == nil {
		return nil
	}
	c := *t
	switch strings.Compare(key, t.key) {
	case 0:
		return join(t.left, t.right)
	case -1:
		c.left = t.left.remove(key)
	default:
		c.right = t.right.remove(key)
	}
	return &c
}

// join returns the union of two trees, all keys of a being before those of b.
func join(a, b *tree) *tree {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.rank > b.rank:
		c := *a
		c.right = join(a.right, b)
		return &c
	default:
		c := *b
		c.left = join(a, b.left)
		return &c
	}
}

// ascend calls yield for each key from the given one on, in order, until it
// returns false, and reports whether it never did.
func (t *tree) ascend(from string, yield func(string, *item) bool) bool {
	if t == nil {
		return true
	}
	if from < t.key && !t.left.ascend(from, yield) {
		return false
	}
	if from <= t.key && !yield(t.key, t.item) {
		return false
	}
	return t.right.ascend(from, yield)
}
