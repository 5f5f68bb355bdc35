package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"github.com/spf13/cobra"
)

// limitFlag lets a command that lists be bounded.
func limitFlag(cmd *cobra.Command, limit *int) {
	cmd.Flags().IntVar(limit, "limit", 0, "list so many at most; default all")
}

// nextForm is how the API tells where a list goes on (see cutPage).
var nextForm = regexp.MustCompile(`^<(/[^>?]*)\?([^>]*)>; rel="next"$`)

// askAll is ask for a list, page after page until it ends or has limit entries;
// 0 is no limit. A list is an object whose only field is an array.
func askAll[T any](c *client, q question, limit int, say func(T)) error {
	if limit < 0 {
		return fmt.Errorf("--limit is a number of entries, 1 or more; without it all are listed")
	}
	raw, err := c.collect(q, limit)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(raw)
	}
	var list T
	if err := json.Unmarshal(raw, &list); err != nil {
		return unreadable(err)
	}
	say(list)
	return nil
}

// collect puts the pages of a list together, in the form of one.
func (c *client) collect(q question, limit int) ([]byte, error) {
	all, n := make(map[string][]json.RawMessage), 0
	for more := true; more; {
		if limit > 0 {
			q.query = withLimit(q.query, min(limit-n, maxPage))
		}
		raw, header, err := c.exchange(q)
		if err != nil {
			return nil, err
		}
		var page map[string][]json.RawMessage
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, unreadable(err)
		}
		for name, entries := range page {
			if all[name] == nil {
				all[name] = []json.RawMessage{} // an empty list is [] and not null
			}
			all[name] = append(all[name], entries...)
			n += len(entries)
		}
		more = q.next(header) && (limit == 0 || n < limit)
	}
	return json.Marshal(all)
}

func withLimit(query url.Values, limit int) url.Values {
	with := url.Values{"limit": {strconv.Itoa(limit)}}
	for name, values := range query {
		if name != "limit" {
			with[name] = values
		}
	}
	return with
}

// next makes q the question for the page after the one that came with that
// header, and reports whether there is one.
func (q *question) next(header http.Header) bool {
	m := nextForm.FindStringSubmatch(header.Get("Link"))
	if m == nil {
		return false
	}
	query, err := url.ParseQuery(m[2])
	q.path, q.query = m[1], query
	return err == nil
}
