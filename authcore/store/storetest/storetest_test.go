package storetest_test

import (
	"flag"
	"slices"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/storetest"
)

// TestSuitePassesSound is the control: without a fault the engine passes, so
// what the other tests see comes from the fault.
func TestSuitePassesSound(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return newBroken(none, &place{}) })
	storetest.RunDurable(t, func(*testing.T) func() (store.Store, error) {
		p := &place{}
		return func() (store.Store, error) { return newBroken(none, p), nil }
	})
}

// TestSuiteFindsFaults names, for each fault, cases that must find it.
func TestSuiteFindsFaults(t *testing.T) {
	for f, names := range map[fault][]string{
		blindCommit: {"lost update (P4)", "write skew (A5B)", "an absent entry that appears is a conflict",
			"a deleted entry is a conflict", "an earlier run leaves no trace", "conflicts without end are given up",
			"1000 consumptions of one number", "1000 first consumptions"},
		onlyWritten:     {"write skew (A5B)", "conflicts without end are given up"},
		absentIgnored:   {"an absent entry that appears is a conflict", "1000 first consumptions"},
		deletedIgnored:  {"a deleted entry is a conflict"},
		liveGet:         {"a View sees one snapshot", "a run of Update sees one snapshot"},
		liveScan:        {"a Scan sees one snapshot", "a View sees one snapshot"},
		stepwise:        {"error drops all", "panic drops all and goes on", "uncommitted writes are not seen", "a swallowed failure dooms"},
		inPieces:        {"an Update is seen whole", "read your writes"},
		serial:          {"functions do not wait for one another", "write skew (A5B)"},
		closeBlocks:     {"Close waits for a View"},
		keptWrites:      {"an earlier run leaves no trace"},
		blindToOwn:      {"read your writes", "behaves as a map"},
		endless:         {"conflicts without end are given up"},
		gaveUp:          {"lost update (P4)", "an earlier run leaves no trace"},
		late:            {"committed is visible at once", "read your writes"},
		errorKept:       {"error drops all", "behaves as a map"},
		errorWrapped:    {"error comes back as it is"},
		panicSwallowed:  {"panic drops all and goes on"},
		panicKept:       {"panic drops all and goes on"},
		swallowed:       {"a swallowed failure dooms", "a Scan ends with the context"},
		endlessReader:   {"no use after the end"},
		sharedOnPut:     {"ownership of values"},
		sharedOnGet:     {"ownership of values"},
		sharedOnScan:    {"ownership of values"},
		emptyIsAbsent:   {"empty value"},
		nilIsKept:       {"empty value"},
		deleteForgotten: {"overwrite and delete", "read your writes", "behaves as a map"},
		notSorted:       {"scan in order"},
		runesSorted:     {"scan in order"},
		prefixEnd:       {"scan in order"},
		prefixExact:     {"scan in order", "behaves as a map"},
		prefixLoose:     {"scan in order"},
		afterIgnored:    {"scan after a key", "scan in pages", "behaves as a map"},
		afterIncluded:   {"scan after a key", "scan in pages", "behaves as a map"},
		afterAsPrefix:   {"scan after a key"},
		afterEnds:       {"scan after a key"},
		afterSkipped:    {"a page far down costs what the first one does"},
		textOnly:        {"any bytes", "behaves as a map"},
		noKeyLimit:      {"keys and values have limits", "a swallowed failure dooms"},
		noValueLimit:    {"keys and values have limits"},
		noTouchLimit:    {"an Update touches so many keys"},
		noWriteLimit:    {"an Update writes so many bytes"},
		countsTwice:     {"an Update writes so many bytes"},
		wholeSeconds:    {"not swept before the expiry"},
		expiryKept:      {"the expiry is replaced with the value"},
		contextUnseen: {"no run when the context is over", "nothing is committed when the context is over",
			"no further run when the context is over", "a Scan ends with the context"},
		contextFirst: {"nothing is committed when the context is over", "no further run when the context is over"},
		contextScan:  {"a Scan ends with the context"},
		openForever:  {"closed is closed"},
		closeHasty:   {"Close waits for a View", "Close waits for an Update"},
		closeTwice:   {"closed is closed"},
		nobodyTold:   {"followers are told of what was written", "what followers are told of can be read", "followers are told of each of many"},
		deletesMute:  {"followers are told of what was written"},
		oneFollower:  {"followers are told of what was written"},
		toldLater:    {"followers are told of what was written", "followers are told of each of many"},
		closeMute:    {"followers are told of Close"},
		toldEarly:    {"what followers are told of can be read"},
	} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel() // some find that they wait in vain
			for _, name := range names {
				c := storetest.Cases()[indexOf(t, name)]
				if err := c.Run(t.Context(), newBroken(f, &place{})); err == nil {
					t.Errorf("the case %q does not find it", name)
				} else {
					t.Logf("%s: %.200v", name, err)
				}
			}
		})
	}
}

func indexOf(t *testing.T, name string) int {
	i := slices.IndexFunc(storetest.Cases(), func(c storetest.Case) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("there is no case %q", name)
	}
	return i
}

// TestSuiteFindsLoss is the same for the durable cases.
func TestSuiteFindsLoss(t *testing.T) {
	for f, names := range map[fault][]string{
		lastLost:     {"a consumption survives", "entries survive", "deleted and replaced entries stay so"},
		deletesLost:  {"deleted and replaced entries stay so"},
		droppedKept:  {"dropped writes stay dropped"},
		emptiedAgain: {"entries survive", "a consumption survives"},
	} {
		t.Run(string(f), func(t *testing.T) {
			for _, c := range storetest.DurableCases() {
				p := &place{}
				err := c.Run(t.Context(), func() (store.Store, error) { return newBroken(f, p), nil })
				if err == nil && slices.Contains(names, c.Name) {
					t.Errorf("the case %q does not find it", c.Name)
				}
				t.Logf("%s: %.200v", c.Name, err)
			}
		})
	}
}

func TestMain(m *testing.M) {
	// The failures are wanted: none of them is worth a file, nor the search for
	// the smallest of its kind.
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.shrinktime": "0s"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	*storetest.Stall = 3 * time.Second // simple engines are quick, and some faults hang
	m.Run()
}
