package journal

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

func TestListsAreWholeOrAbsent(t *testing.T) {
	dir := t.TempDir()
	d := healthy()
	lists, err := OpenLists(dir, d)
	if err != nil {
		t.Fatal(err)
	}
	list, err := cutover.NewList([]routing.PublicNumber{12025550143, 12025550144})
	if err != nil {
		t.Fatal(err)
	}
	d.room = 10
	if err := lists.Put(list); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if _, err := lists.Get(list.ID()); err == nil {
		t.Fatal("half a list")
	}
	*d = *healthy()
	for range 2 {
		if err := lists.Put(list); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := lists.Get(list.ID()); err != nil || got.Len() != 2 {
		t.Fatal(got, err)
	}
	if err := os.WriteFile(lists.path(list.ID()), []byte("+12025550143\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := lists.Get(list.ID()); err == nil {
		t.Fatal("a changed list was believed")
	}
	if err := lists.Put(list); err != nil {
		t.Fatal(err)
	}
	if got, err := lists.Get(list.ID()); err != nil || got.Len() != 2 {
		t.Fatal("the changed list was not put right:", err)
	}
	if _, err := lists.Get("../../etc/passwd"); err == nil {
		t.Fatal("a name that leads elsewhere")
	}
	if err := lists.Keep(func(cutover.ListID) bool { return false }); err != nil {
		t.Fatal(err)
	}
	if all, err := lists.IDs(); err != nil || len(all) != 0 {
		t.Fatal(all, err)
	}
}
