package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/speakops/sipedge/routing/feed"
)

// begun is an import under way, noted beside its file until it has ended. Who
// begins the same one again goes on with it: what was written by then is found
// again by its operation, and what somebody else has written since the beginning
// is refused and not overwritten.
type begun struct {
	SHA256    string `json:"sha256"` // of the file
	Store     string `json:"store"`
	Operation string `json:"operation"`
	Since     uint64 `json:"since"` // the store's time when it began, as a revision
}

func (b *begun) at() string {
	return time.UnixMicro(int64(b.Since)).UTC().Format(time.RFC3339)
}

func noteOf(path string) string { return path + ".importing" }

// begin is the import of a file: the one that was interrupted, if the file is
// still the same and goes to the same store, else a new one.
func (c *importCmd) begin(ctx context.Context, s streams, store *feed.Store, sum string) (b begun, err error) {
	now, err := store.Now(ctx)
	if err != nil {
		return b, fmt.Errorf("%w; nothing was written", err)
	}
	b = begun{SHA256: sum, Store: store.Name(), Operation: feed.NewOperation("import"), Since: now}
	if c.File == "-" {
		return b, nil
	}
	note := noteOf(c.File)
	var before begun
	switch text, err := os.ReadFile(note); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return b, badConfig{fmt.Errorf("%s: the note of an interrupted import cannot be read: %w; nothing was written", note, err)}
	case json.Unmarshal(text, &before) != nil || before.Since == 0 || before.Operation == "":
		fmt.Fprintf(s.Err, "%s: makes no sense and is replaced; the import begins anew\n", note)
	case c.Restart:
		fmt.Fprintf(s.Err, "%s: the import that began at %s is forgotten; it begins anew\n", c.File, before.at())
	case before.SHA256 != b.SHA256 || before.Store != b.Store:
		fmt.Fprintf(s.Err, "%s: the import that began at %s was of other contents or for another Redis; this one begins anew\n", c.File, before.at())
	default:
		fmt.Fprintf(s.Err, "%s: going on with the import that began at %s; what others have written since then is not overwritten (--restart begins anew)\n", c.File, before.at())
		return before, nil
	}
	if c.DryRun {
		return b, nil
	}
	text, err := json.Marshal(b)
	if err == nil {
		err = os.WriteFile(note, append(text, '\n'), 0o600)
	}
	if err != nil {
		fmt.Fprintf(s.Err, "%s: cannot be written, so an import that is interrupted will begin anew: %v\n", note, err)
	}
	return b, nil
}

// ended forgets the note.
func (c *importCmd) ended() {
	if c.File != "-" && !c.DryRun {
		_ = os.Remove(noteOf(c.File)) // one that stays is found to be over when it is gone on with
	}
}
