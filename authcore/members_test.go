package authcore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/fredu"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// uaiOf gives the n-th number of an establishment, with the letter that checks it.
func uaiOf(t tb, n int) string {
	t.Helper()
	for letter := 'A'; letter <= 'Z'; letter++ {
		if uai := fmt.Sprintf("044%04d%c", n, letter); ValidUAI(uai) {
			return uai
		}
	}
	t.Fatalf("no letter checks %d", n)
	return ""
}

// entered are the names of the entries of people at their establishments.
func (b *bench) entered() []string {
	b.t.Helper()
	return slices.Sorted(func(yield func(string) bool) {
		for name := range maps.Keys(b.records()) {
			if strings.HasPrefix(name, memberPrefix) && !yield(name) {
				return
			}
		}
	})
}

// forgetMembers makes of a store one of before people were entered at their
// establishments, but for those named.
func (b *bench) forgetMembers(but ...Identifier) {
	b.t.Helper()
	for some := range slices.Chunk(b.entered(), 100) {
		b.must(b.store.Update(b.t.Context(), func(w store.Writer) error {
			var errs []error
			for _, name := range some {
				if !slices.ContainsFunc(but, func(id Identifier) bool { return strings.HasSuffix(name, "/"+string(id)) }) {
					errs = append(errs, w.Delete(name))
				}
			}
			return errors.Join(errs...)
		}))
	}
	id, _, err := b.identity(b.t.Context())
	b.must(err)
	id.Schema = 1
	b.setIdentity(&id)
}

// A store of before people were entered at their establishments has all of them
// there once it is opened, those of the most establishments too, and nothing else of
// it is touched; a referent finds whom they look after.
func TestMembersOfAStoreOfBefore(t *testing.T) {
	b := consoleBench(t)
	var postings []string
	for n := range maxMemberships + 8 {
		postings = append(postings, uaiOf(t, n)+"$UAJ$PU$ADM$0693045K$T3$LP$320")
	}
	for n := range 150 {
		id := Identifier(fmt.Sprintf("person%03d", n))
		b.addPerson(id)
		b.at(id, college)
		if n%10 == 0 {
			b.must(b.SetAccount(t.Context(), by, Account{Identifier: id, Attributes: attributesOf(fredu.Change{fredu.Rne: postings})}, []AccountField{AttributeField(fredu.Rne)}))
		}
	}
	b.addPerson("nowhere")
	want, found := b.entered(), b.finds(b.clerk("rnord"), ConsoleQuery{})
	b.forgetMembers("person007", "jdupont")
	if len(b.entered()) != 2 || strings.Contains(b.finds(b.clerk("rnord"), ConsoleQuery{}), "person100") {
		t.Fatal("the store is not as it was before")
	}
	before := b.records()
	b.must(b.openedAgain())
	if diff := cmp.Diff(want, b.entered()); diff != "" {
		t.Errorf("entered (-want +got):\n%s", diff)
	}
	for name, value := range b.records() {
		if !strings.HasPrefix(name, memberPrefix) && name != identityName && name != newestName && string(before[name]) != string(value) {
			t.Errorf("%s is another", name)
		}
	}
	if got := b.finds(b.clerk("rnord"), ConsoleQuery{}); got != found || !strings.Contains(got, "person100") {
		t.Errorf("found %s, before %s", got, found)
	}
	if id, _, err := b.identity(t.Context()); err != nil || id.Schema != schema || id.Keys != 2 {
		t.Errorf("the store says %+v (%v)", id, err)
	}
}

// Broken off anywhere, it goes on where it was at the next start, and ends.
func TestMembersAreEnteredWhateverFails(t *testing.T) {
	for _, unsure := range []bool{false, true} {
		b, f := newFaultyBench(t)
		f.unsure = unsure
		for n := range 60 {
			id := Identifier(fmt.Sprintf("person%03d", n))
			b.addPerson(id)
			b.at(id, uaiOf(t, n%3))
		}
		want := b.entered()
		faults := 0
		for n := 1; ; n += 7 {
			b.forgetMembers()
			f.n = n
			err := b.openedAgain()
			done := f.n > 0
			f.n = -1
			if done {
				b.must(err)
				break
			}
			faults++
			b.must(b.openedAgain())
			if diff := cmp.Diff(want, b.entered()); diff != "" {
				t.Fatalf("behind fault %d (%v), entered (-want +got):\n%s", n, err, diff)
			}
		}
		if faults < 20 {
			t.Errorf("only %d faults: the test shows nothing", faults)
		}
	}
}

// What is done already is not done again: a step looks at so many accounts and no
// more, and the next goes on behind it.
func TestMembersAreLookedAtInSteps(t *testing.T) {
	b := newBench(t)
	const people = looksAtOnce + 5
	for n := range people {
		b.must(b.AddAccount(t.Context(), by, Account{Identifier: Identifier(fmt.Sprintf("person%04d", n)), Establishment: lycee}))
	}
	count := &counted{Store: b.store}
	steps := func() (views, updates int) {
		b.t.Helper()
		id, _, err := b.identity(t.Context())
		b.must(err)
		id.Schema = 1
		b.setIdentity(&id)
		count.views, count.updates = 0, 0
		b.shared.store = count
		defer func() { b.shared.store = count.Store }()
		b.must(enterMembers(t.Context(), b.Gate))
		return count.views, count.updates
	}
	if views, updates := steps(); views != 2 || updates != 1 {
		t.Errorf("of a store that has them: %d readings, %d writings", views, updates)
	}
	b.forgetMembers()
	if views, updates := steps(); updates != (people+entersAtOnce/2-1)/(entersAtOnce/2)+1 || views > updates {
		t.Errorf("of one that has none: %d readings, %d writings", views, updates)
	}
	if got := len(b.entered()); got != people {
		t.Errorf("%d are entered, of %d", got, people)
	}
}

// counted counts a store's transactions.
type counted struct {
	store.Store
	views, updates int
}

func (c *counted) View(ctx context.Context, fn func(store.Reader) error) error {
	c.views++
	return c.Store.View(ctx, fn)
}

func (c *counted) Update(ctx context.Context, fn func(store.Writer) error) error {
	c.updates++
	return c.Store.Update(ctx, fn)
}
