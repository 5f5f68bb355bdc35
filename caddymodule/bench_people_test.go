package caddymodule

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/store/badgerstore"
)

// BenchmarkImportPeople imports so many people into an empty store on disk, asks
// once more with the same list, and changes everybody by another. An operation is
// one list. It reports how many people a second, and by how much the heap grew at
// most, the list itself (100 bytes for each) counted in.
func BenchmarkImportPeople(b *testing.B) {
	for _, n := range []int{1000, 20_000} {
		lists := [3]string{peopleList(n, "Dupont"), peopleList(n, "Dupont"), peopleList(n, "Durand")}
		for i, what := range []string{"add", "unchanged", "change"} {
			b.Run(fmt.Sprintf("people=%d/%s", n, what), func(b *testing.B) {
				for range b.N {
					b.StopTimer()
					bench := diskBench(b)
					for _, before := range lists[:min(i, 1)] {
						bench.importList(before)
					}
					peak := watchHeap()
					b.StartTimer()
					bench.importList(lists[i])
					b.StopTimer()
					b.ReportMetric(float64(peak())/(1<<20), "peak-MiB")
				}
				b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "people/s")
			})
		}
	}
}

func peopleList(n int, surname string) string {
	var list strings.Builder
	list.WriteString("identifiant;prénom;nom;courriel;établissement;fonctions;groupes;fin\n")
	for i := range n {
		fmt.Fprintf(&list, "jeanne.dupont%d;Jeanne;%s;jeanne.dupont%d@ac-exemple.fr;0441550W;DIR;enseignants|siecle|3eB;31/07/2027\n", i, surname, i)
	}
	return list.String()
}

// listBench imports lists.
type listBench struct {
	b   *testing.B
	mux *http.ServeMux
}

// diskBench is the admin API over a gate whose store is on disk, as in service.
func diskBench(b *testing.B) listBench {
	b.Helper()
	db, err := badgerstore.Open(b.TempDir(), badgerstore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	secrets, err := authcore.NewSecrets()
	if err != nil {
		b.Fatal(err)
	}
	gate, err := authcore.New(b.Context(), authcore.Config{Store: db, Secrets: secrets})
	if err != nil {
		b.Fatal(err)
	}
	l := listBench{b, http.NewServeMux()}
	serveAdmin(l.mux, adminAPI{func() (*authcore.Gate, *App, error) { return gate, nil, nil }})
	return l
}

func (l listBench) importList(list string) {
	l.b.Helper()
	r, err := http.NewRequestWithContext(l.b.Context(), http.MethodPost, "/sesame/users/import", strings.NewReader(list))
	if err != nil {
		l.b.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/csv")
	a := &adminAnswer{header: make(http.Header)}
	if l.mux.ServeHTTP(a, r); a.status != http.StatusOK {
		l.b.Fatalf("%d %.300s", a.status, &a.body)
	}
}

// watchHeap looks at the heap until peak is called, which tells in bytes by how
// much it grew at most.
func watchHeap() (peak func() uint64) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	now := func() uint64 { metrics.Read(sample); return sample[0].Value.Uint64() }
	begun := now()
	most := begun
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
				most = max(most, now())
			}
		}
	}()
	return func() uint64 { close(stop); <-stopped; return most - begun }
}
