package authcore

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// delete removes a record, as who can write into the store may.
func (b *bench) delete(name string) {
	b.t.Helper()
	b.must(b.store.Update(b.t.Context(), func(w store.Writer) error { return w.Delete(name) }))
}

// eventful is a bench where much has happened: logins and refusals of several
// people and of nobody, a purge, an erasure. It returns the audit records as
// they were from time to time.
func eventful(t tb) (b *bench, earlier []map[string][]byte) {
	b = newBench(t)
	remember := func() { earlier = append(earlier, b.trailRecords()) }
	b.addPerson("leaver")
	b.addKey("OTHER-1")
	b.addPerson("mmartin", "OTHER-1")
	b.inService("jdupont", pin)
	remember()
	b.denied(b.login("nobody.here", pin+b.shows(0)))
	b.denied(b.login("mmartin", pin+b.shows(0)))
	b.pass(48 * time.Hour)
	b.must(b.RetireKey(t.Context(), by, "OTHER-1"))
	remember()
	b.denied(b.login("jdupont", "8305"+b.shows(0)))
	b.wait(1)
	b.addKey("SPARE-1")
	if n, err := b.PurgeAudit(t.Context(), by, b.clock().Add(-24*time.Hour)); n == 0 || err != nil {
		t.Fatalf("%d entries purged, %v", n, err)
	}
	remember()
	b.denied(b.login("leaver", pin+b.shows(0)))
	b.delete(accountName("leaver"))
	b.must(b.ErasePerson(t.Context(), by, "leaver"))
	b.denied(b.login("nobody.here", pin+b.shows(0)))
	b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
	return b, earlier
}

// trailRecords are the records of the audit trail.
func (b *bench) trailRecords() map[string][]byte {
	b.t.Helper()
	all := b.records()
	maps.DeleteFunc(all, func(name string, _ []byte) bool {
		return !slices.Contains([]string{auditPrefix, chainPrefix, indexPrefix}, kindOf(name)+"/")
	})
	return all
}

// Whatever is done to a record, to two, or to a whole chain, verification finds it.
func TestVerifyFindsWhateverIsDone(t *testing.T) {
	b, earlier := eventful(t)
	b.verified()
	whole := b.trailRecords()
	names := slices.Sorted(maps.Keys(whole))
	sealed := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.HasPrefix(name, indexPrefix) })
	restore := func() {
		for name := range b.trailRecords() {
			if whole[name] == nil {
				b.delete(name)
			}
		}
		for name, value := range whole {
			b.put(name, value)
		}
	}
	pick := func(t *rapid.T, from []string) string { return rapid.SampledFrom(from).Draw(t, "record") }
	tampers := map[string]func(t *rapid.T) bool{
		"delete": func(t *rapid.T) bool {
			b.delete(pick(t, names))
			return true
		},
		"flip a bit": func(t *rapid.T) bool {
			name := pick(t, sealed)
			value := bytes.Clone(whole[name])
			value[rapid.IntRange(0, len(value)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			b.put(name, value)
			return true
		},
		"cut": func(t *rapid.T) bool {
			name := pick(t, sealed)
			b.put(name, whole[name][:rapid.IntRange(0, len(whole[name])-1).Draw(t, "length")])
			return true
		},
		"swap two": func(t *rapid.T) bool {
			one, other := pick(t, sealed), pick(t, sealed)
			b.put(one, whole[other])
			b.put(other, whole[one])
			return one != other
		},
		"copy one to a name of its own": func(t *rapid.T) bool {
			name := pick(t, names)
			b.put(name+"1", whole[name])
			return true
		},
		"roll one back": func(t *rapid.T) bool {
			past := earlier[rapid.IntRange(0, len(earlier)-1).Draw(t, "past")]
			name := pick(t, slices.Sorted(maps.Keys(past)))
			b.put(name, past[name])
			return whole[name] == nil || !bytes.Equal(whole[name], past[name])
		},
		"delete a whole chain": func(t *rapid.T) bool {
			all := b.chains()
			chain := rapid.SampledFrom(slices.Sorted(maps.Keys(all))).Draw(t, "chain")
			b.delete(chainName(chain))
			for _, name := range names {
				stem := name[strings.LastIndexByte(name, '/')+1:]
				var e Event
				if err := openRecord(b.secrets(), auditPrefix+stem, whole[auditPrefix+stem], &e); err == nil && e.Chain == chain {
					b.delete(name)
				}
			}
			return true
		},
		"forge one": func(t *rapid.T) bool {
			b.put(pick(t, sealed)+"1", rapid.SliceOf(rapid.Byte()).Draw(t, "value"))
			return true
		},
	}
	for name, tamper := range tampers {
		t.Run(name, func(t *testing.T) {
			did := false
			rapid.Check(t, func(t *rapid.T) {
				defer restore()
				changed := tamper(t)
				v, err := b.VerifyAudit(b.t.Context())
				if err != nil || (v.Wrong > 0) != changed || (len(v.Faults) > 0) != changed {
					t.Fatalf("changed: %v; found: %q, %v", changed, v.Faults, err)
				}
				did = did || changed
			})
			if !did {
				t.Error("nothing was ever changed: the test shows nothing")
			}
		})
	}
	b.verified()
}

// What is wrong is said in a sentence with chain and number.
func TestVerifySays(t *testing.T) {
	b, earlier := eventful(t)
	whole := b.trailRecords()
	v := b.verified()
	all := b.events()
	if v.Entries != len(all) || v.Chains != len(b.chains()) || !v.Oldest.Equal(all[0].Time) || !v.Newest.Equal(all[len(all)-1].Time) {
		t.Errorf("verified: %+v", v)
	}
	var stem string
	var e Event
	for name, value := range whole {
		if rest, ok := strings.CutPrefix(name, auditPrefix); ok {
			var got Event
			b.must(openRecord(b.secrets(), name, value, &got))
			if got.Kind == PINWrong {
				stem, e = rest, got
			}
		}
	}
	if e.Chain != "jdupont" || e.Number < 3 {
		t.Fatalf("the wrong PIN is entry %d of %s", e.Number, e.Chain)
	}
	forged := e
	forged.Detail = "nothing of the kind"
	renumbered := e
	renumbered.Number--
	renumbered.MAC = b.secrets().derive(auditPurpose, renumbered.canonical())
	seal := func(e Event) []byte {
		sealed, err := sealRecord(b.secrets(), auditPrefix+stem, e)
		b.must(err)
		return sealed
	}
	for _, c := range []struct {
		what   string
		tamper func()
		want   []string
	}{
		{"the entry deleted", func() { b.delete(auditPrefix + stem) }, []string{
			"entry 6 of the chain jdupont is missing",
			"the entry " + stem + " is missing: it is still looked up by its key",
			"the entry " + stem + " is missing: it is still looked up by its reference",
			"the entry " + stem + " is missing: it is still looked up by its user"}},
		{"the entry damaged", func() { b.put(auditPrefix+stem, []byte{recordVersion, 1, 2}) }, []string{
			"the entry " + stem + " was changed, or moved from elsewhere: it does not open",
			"entry 6 of the chain jdupont is missing"}},
		{"the entry changed by who can seal", func() { b.put(auditPrefix+stem, seal(forged)) }, []string{
			"entry 6 of the chain jdupont (" + stem + ") was changed: its MAC is wrong",
			"entry 6 of the chain jdupont is missing"}},
		{"the entry numbered anew", func() { b.put(auditPrefix+stem, seal(renumbered)) }, []string{
			"entry 5 of the chain jdupont was removed by a purge and is there again",
			"entry 6 of the chain jdupont is missing"}},
		{"a look-up deleted", func() { b.delete(userIndex("jdupont") + stem) }, []string{
			"entry 6 of the chain jdupont is not found by its user any more: the look-up was removed"}},
		{"a look-up added", func() { b.put(userIndex("mmartin")+stem, nil) }, []string{
			"the entry " + stem + " is looked up by a user that is not its own"}},
		{"the head deleted", func() { b.delete(chainName("jdupont")) }, []string{
			"the head of the chain jdupont is missing: it has entries up to 7",
			"the chain jdupont is missing: there is an account jdupont"}},
		{"the head rolled back", func() { b.put(chainName("jdupont"), earlier[2][chainName("jdupont")]) }, []string{
			"the head of the chain jdupont is an earlier one: it ends at 6, and there are entries up to 7"}},
		{"the mark of an erasure deleted", func() {
			for name := range whole {
				if strings.HasPrefix(name, chainPrefix+erasedPrefix) {
					b.delete(name)
				}
			}
		}, []string{"the mark of the erasure that entry 2 of the chain ~gate tells of is missing"}},
	} {
		c.tamper()
		v, err := b.VerifyAudit(t.Context())
		mustBeNil(t, err)
		if slices.Sort(v.Faults); !slices.Equal(v.Faults, slices.Sorted(slices.Values(c.want))) || v.Wrong != len(c.want) {
			t.Errorf("%s: %d faults\n%q\nwant\n%q", c.what, v.Wrong, v.Faults, c.want)
		}
		for name := range b.trailRecords() {
			b.delete(name)
		}
		for name, value := range whole {
			b.put(name, value)
		}
	}
	b.verified()
}

// Where all is lost a hundred sentences say so, and the number is right.
func TestVerifyIsBounded(t *testing.T) {
	b := newBench(t)
	for range 150 {
		b.happens()
	}
	for name := range b.trailRecords() {
		if strings.HasPrefix(name, auditPrefix) {
			b.put(name, nil)
		}
	}
	v, err := b.VerifyAudit(t.Context())
	if err != nil || v.Wrong < 150 || len(v.Faults) != maxFaults || v.Entries != 0 {
		t.Errorf("%d faults in %d sentences, %d good entries, %v", v.Wrong, len(v.Faults), v.Entries, err)
	}
}

// Clocks go back, once accepted, and entries of one instant have no order: numbers are accounted
// for all the same.
func TestVerifyWhenTheClockGoesBack(t *testing.T) {
	b := newBench(t)
	for range 20 {
		b.happens()
		b.happens()
		b.pass(-time.Second)
		b.shared.time.restart(time.Time{})
	}
	b.verified()
	if _, err := b.PurgeAudit(t.Context(), by, b.clock().Add(10*time.Second)); err != nil {
		t.Fatal(err)
	}
	// Of 3 and 40 those of nine seconds are gone, 2 of each; one tells of it.
	if v := b.verified(); v.Entries != 26 {
		t.Errorf("%d entries are left", v.Entries)
	}
}
