package store

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func (t *tree) depth() int {
	if t == nil {
		return 0
	}
	return 1 + max(t.left.depth(), t.right.depth())
}

// check returns an error unless the keys from low on are in order and no child
// has a higher rank than its parent.
func (t *tree) check() error {
	last, first := "", true
	var err error
	t.ascend("", func(key string, _ *item) bool {
		if !first && key <= last {
			err = fmt.Errorf("%q comes after %q", key, last)
		}
		last, first = key, false
		return err == nil
	})
	if err != nil {
		return err
	}
	return t.checkRank()
}

func (t *tree) checkRank() error {
	if t == nil {
		return nil
	}
	for _, child := range []*tree{t.left, t.right} {
		if child != nil && child.rank > t.rank {
			return fmt.Errorf("%q stands above %q", t.key, child.key)
		}
		if err := child.checkRank(); err != nil {
			return err
		}
	}
	return nil
}

// TestTreeIsAMap compares a tree with a map, and looks whether the trees it
// came from have stayed what they were.
func TestTreeIsAMap(t *testing.T) {
	keys := rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 0, 3, -1)
	rapid.Check(t, func(t *rapid.T) {
		var root, before *tree
		model, modelBefore := map[string]*item{}, map[string]*item{}
		compare := func(root *tree, model map[string]*item, from string) {
			var got []string
			root.ascend(from, func(key string, it *item) bool {
				if model[key] != it {
					t.Fatalf("%q has another item", key)
				}
				got = append(got, key)
				return true
			})
			want := slices.DeleteFunc(slices.Sorted(maps.Keys(model)), func(key string) bool { return key < from })
			if !slices.Equal(got, want) {
				t.Fatalf("from %q the tree has %q, want %q", from, got, want)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				key, it := keys.Draw(t, "key"), &item{}
				root, model[key] = root.put(key, it), it
			},
			"remove": func(t *rapid.T) {
				key := keys.Draw(t, "key")
				root = root.remove(key)
				delete(model, key)
			},
			"snapshot": func(*rapid.T) { before, modelBefore = root, maps.Clone(model) },
			"": func(t *rapid.T) {
				from := keys.Draw(t, "from")
				compare(root, model, from)
				compare(before, modelBefore, from)
				if got := root.get(from); got != model[from] {
					t.Fatalf("get(%q) = %v, want %v", from, got, model[from])
				}
				if err := root.check(); err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}

// TestTreeStaysFlat inserts in order, which would make a plain tree a list. The
// expected depth is below 2 ln n = 18; 50 does not happen.
func TestTreeStaysFlat(t *testing.T) {
	var root *tree
	for i := range 10_000 {
		root = root.put(fmt.Sprintf("%05d", i), &item{})
	}
	if d := root.depth(); d > 50 {
		t.Errorf("a tree of 10,000 entries is %d deep", d)
	}
}
