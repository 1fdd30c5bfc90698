package feed

// What is wrong with one partition is often wrong with all: a store that was
// emptied is told once, and not 64 times.

type trouble int

const (
	troubleEmptied trouble = iota
	troubleGap
	troubleDiffers
	troubleKinds
)

var troubleSays = [troubleKinds]string{
	troubleEmptied: "the store was emptied, replaced or rolled back; newer records in memory are kept",
	troubleGap:     "writes are missing from the change streams; reading their partitions as a whole",
	troubleDiffers: "the table and the store disagree at the same seq; reading these partitions as a whole",
}

// troubles are those of one look at the store.
type troubles [troubleKinds]struct{ partitions, first int }

func (t *troubles) note(partition int, kind trouble) {
	if t[kind].partitions == 0 {
		t[kind].first = partition
	}
	t[kind].partitions++
}

// tell writes a line for each kind of trouble noted since the last time.
func (f *Feed) tell() {
	for kind, of := range f.troubles {
		if of.partitions > 0 {
			f.opts.Log.Warn(troubleSays[kind], "partitions", of.partitions, "first", f.keys.meta(of.first),
				"seq", f.parts[of.first].seq, "store_seq", f.parts[of.first].metaSeq)
		}
	}
	f.troubles = troubles{}
}
