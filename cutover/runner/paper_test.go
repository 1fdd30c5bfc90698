package runner

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/records"
)

// Lists of numbers are the evidence beside the copy of the store's journal. They
// go when the last copy that names them goes, and never while they are in force.
func TestListsGoWithTheJournalThatNamesThem(t *testing.T) {
	p, err := openPaper(t.TempDir(), records.Disk{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	m, err := openMirror(p)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.file.Close() }()
	var lists [4]cutover.List
	for i := range lists {
		if lists[i], err = cutover.NewList([]routing.PublicNumber{routing.PublicNumber(12025550100 + i)}); err != nil {
			t.Fatal(err)
		}
		if err := p.put(lists[i]); err != nil {
			t.Fatal(err)
		}
	}
	const first, second, inForce, proposed = 0, 1, 2, 3
	m.most = 300
	turn := func(list int) {
		t.Helper()
		line := fmt.Sprintf(`{"fields":[["text","{\"list\":\"%s\"}"]]}`+"\n", lists[list].ID())
		line += strings.Repeat("a", 250) + "\n"
		if err := m.room(int64(len(line))); err != nil {
			t.Fatal(err)
		}
		n, err := m.file.WriteAt([]byte(line), m.size)
		if err != nil {
			t.Fatal(err)
		}
		m.size += int64(n)
	}
	there := func(want ...int) {
		t.Helper()
		ids, err := p.disk.IDs()
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) != len(want) {
			t.Errorf("%d lists are on the disk, want %v", len(ids), want)
		}
		for _, i := range want {
			if !ids[lists[i].ID()] {
				t.Errorf("list %d is gone", i)
			}
		}
	}
	turn(first)
	turn(second)
	there(first, second, inForce, proposed) // what is in force is not known yet
	state := &cutover.Edge{}
	state.Pair.Committed = &cutover.Revision{Schedule: []cutover.Cutover{{ID: "c-7", List: lists[inForce].ID()}}}
	p.shed(state)
	if len(p.lists) != 1 {
		t.Errorf("%d lists are in memory", len(p.lists))
	}
	p.list(lists[proposed].ID()) // somebody looks at it now
	turn(second)
	there(second, inForce, proposed)
	p.shed(state)
	turn(second)
	there(second, inForce)
	if _, ok := p.list(lists[inForce].ID()); !ok {
		t.Error("a list in force cannot be read")
	}
}

func TestListsNamed(t *testing.T) {
	id := strings.Repeat("0a", 32)
	for text, want := range map[string]bool{
		id: true, `{\"list\":\"` + id + `\"}`: true, "x" + id + "\n": true,
		id + "0": false, id[1:]: false, strings.ToUpper(id): false, id + id: false,
	} {
		named, err := listsNamed(strings.NewReader(text))
		if err != nil || named[cutover.ListID(id)] != want {
			t.Errorf("%q: %v %v, want %v", text, named, err, want)
		}
	}
	if _, err := listsNamed(io.MultiReader(strings.NewReader(id), failing{})); err == nil {
		t.Error("what cannot be read names nothing")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
