package authcore

import (
	"errors"
	"testing"
)

// A referent reads the requests of their own establishments; one whose scope has
// become empty reads none.
func TestConsoleRequests(t *testing.T) {
	b := consoleBench(t)
	for nonce, id := range map[string]Identifier{"a": "jdupont", "b": "mmartin"} {
		a := b.account(id)
		_, err := b.Ask(t.Context(), nonce, requestFor(id), &a, Source{})
		b.must(err)
	}
	want := func(who, of Identifier, n int) {
		t.Helper()
		list, err := b.clerk(who).Requests(t.Context(), 10)
		if err != nil || len(list) != n || n == 1 && list[0].Holder != of {
			t.Errorf("%s reads %+v, %v", who, list, err)
		}
	}
	want("rlycee", "jdupont", 1)
	want("rnord", "mmartin", 1)
	want("oper", "", 2)
	want("audit", "", 2)
	b.Gate = b.WithConsole(ConsoleRules{})
	want("rnord", "", 0)
	_, err := b.clerk("jdupont").Requests(t.Context(), 10)
	if barred, ok := errors.AsType[*BarredError](err); !ok || barred.Bar != BarRole {
		t.Errorf("a holder: %v", err)
	}
}
