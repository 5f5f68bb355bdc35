package authcore

import (
	"fmt"
	"slices"
	"testing"
)

func everyKey(KeyInfo) bool { return true }

// TestPages reads each list in pages of every size, which together are the
// list.
func TestPages(t *testing.T) {
	b := newBench(t)
	for i := range 5 {
		b.addKey(Serial(fmt.Sprintf("K-%d", i)))
		b.addPerson(Identifier(fmt.Sprintf("p%d", i)), Serial(fmt.Sprintf("K-%d", i)))
		b.key = totpKey(Serial(fmt.Sprintf("K-%d", i)))
		b.inService(Identifier(fmt.Sprintf("p%d", i)), pin)
	}
	lists := map[string]func(after string, limit int) []string{
		"keys": func(after string, limit int) (names []string) {
			keys, err := b.Keys(t.Context(), Serial(after), limit, everyKey)
			mustBeNil(t, err)
			for _, k := range keys {
				names = append(names, string(k.Serial))
			}
			return names
		},
		"keys in service": func(after string, limit int) (names []string) {
			keys, err := b.Keys(t.Context(), Serial(after), limit, func(k KeyInfo) bool { return k.State == Active })
			mustBeNil(t, err)
			for _, k := range keys {
				names = append(names, string(k.Serial))
			}
			return names
		},
		"people": func(after string, limit int) (names []string) {
			accounts, err := b.Accounts(t.Context(), Identifier(after), limit)
			mustBeNil(t, err)
			for _, a := range accounts {
				names = append(names, string(a.Identifier))
			}
			return names
		},
		"sessions": func(after string, limit int) (names []string) {
			sessions, err := b.Sessions(t.Context(), "", SessionID(after), limit)
			mustBeNil(t, err)
			for _, s := range sessions {
				names = append(names, string(s.ID))
			}
			return names
		},
	}
	wanted := map[string]int{"keys": 6, "keys in service": 5, "people": 6, "sessions": 5}
	for name, list := range lists {
		all := list("", 0)
		if len(all) != wanted[name] || !slices.IsSorted(all) {
			t.Errorf("%s: %v, want %d in order", name, all, wanted[name])
		}
		for size := 1; size <= len(all)+1; size++ {
			var joined []string
			for page := list("", size); len(page) > 0; page = list(page[len(page)-1], size) {
				if len(page) > size {
					t.Fatalf("%s: a page of %d has %d entries", name, size, len(page))
				}
				joined = append(joined, page...)
			}
			if !slices.Equal(joined, all) {
				t.Errorf("%s in pages of %d: %v, want %v", name, size, joined, all)
			}
		}
	}
}
