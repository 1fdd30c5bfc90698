package ledger

import (
	"fmt"
	"regexp"

	"github.com/speakops/sipedge/cutover"
)

// A prefix may not hold what Redis Cluster or an ACL would read as a pattern.
var prefixForm = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

// kindForm is a kind of documents, of entries and of events.
var kindForm = regexp.MustCompile(`^[a-z][a-z0-9_.]{0,47}$`)

// keyNames is every fixed key in the order of common.lua.
var keyNames = []string{"state", "bodies", "metas", "chain", "acks", "off", "aborted", "aborted_order", "reports",
	"live", "coming", "claims", "numbers", "journal", "answers", "order", "beats", "events"}

type keys struct {
	tag string
	all []string
}

func newKeys(prefix string) (keys, error) {
	if !prefixForm.MatchString(prefix) {
		return keys{}, fmt.Errorf("redis prefix %.80q: want 1 to 64 letters, digits or any of _ . : -", prefix)
	}
	k := keys{tag: prefix + ":chain:{chain}:"}
	for _, name := range keyNames {
		k.all = append(k.all, k.tag+name)
	}
	return k, nil
}

func (k keys) list(id cutover.ListID) string { return k.tag + "list:" + string(id) }
func (k keys) docs(kind string) string       { return k.tag + "doc:" + kind }

// with is every fixed key and one more.
func (k keys) with(extra string) []string {
	if extra == "" {
		return k.all
	}
	return append(k.all[:len(k.all):len(k.all)], extra)
}
