package porttest

import (
	"net"
	"testing"
)

// Each address is given once while its test goes on, and can be listened on.
func TestAddress(t *testing.T) {
	given := map[string]bool{}
	t.Run("", func(t *testing.T) {
		for range 200 {
			address := Address(t, "127.0.0.1")
			if given[address] {
				t.Errorf("%s was given twice", address)
			}
			given[address] = true
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			_ = l.Close()
		}
	})
	for address := range given {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		n, err := net.LookupPort("tcp", port)
		if err != nil || n < first || n >= first+many {
			t.Errorf("%s is not between %d and %d, %v", address, first, first+many, err)
		}
		l, err := net.Listen("tcp", at("127.0.0.1", n+guard))
		if err != nil {
			t.Fatalf("the guard of %s stands when the test is over: %v", address, err)
		}
		_ = l.Close()
	}
}
