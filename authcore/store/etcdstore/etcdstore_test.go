package etcdstore

import (
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
	"github.com/sesame-gateway/sesame/authcore/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(etcdtest.Main(m)) }

var slogDiscard = slog.New(slog.DiscardHandler)

// places numbers the prefixes, of which each test has its own.
var places atomic.Int64

// place are the options of a store of one's own in a cluster, patient ones: what is
// measured in seconds is for tests of that.
func place(c *etcdtest.Cluster) Options {
	return Options{
		Endpoints: c.URLs(), Prefix: fmt.Sprintf("test-%d/", places.Add(1)),
		Logger: slogDiscard, Timeout: 30 * time.Second, Behind: time.Minute,
	}
}

func TestConforms(t *testing.T) {
	c := etcdtest.Start(t, 1)
	storetest.Run(t, func(t *testing.T) store.Store {
		s, err := Open(place(c))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestConformsDurable(t *testing.T) {
	c := etcdtest.Start(t, 1)
	storetest.RunDurable(t, func(t *testing.T) func() (store.Store, error) {
		opts := place(c)
		return func() (store.Store, error) { return Open(opts) }
	})
}
