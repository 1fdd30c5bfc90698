package configs

import (
	"reflect"
	"slices"
	"strings"
)

// fieldOf finds the struct field of a YAML key.
func fieldOf(t reflect.Type, key string) (int, bool) {
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag == key && tag != "" {
			return i, true
		}
	}
	return 0, false
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag != "" {
			keys = append(keys, tag)
		}
	}
	return keys
}

// suggestKey says what an unknown key was probably meant to be: a near miss, a
// key that lives one section deeper, or else what is known here.
func suggestKey(t reflect.Type, key string) string {
	if near := nearest(key, keysOf(t)); near != "" {
		return "did you mean " + near + "?"
	}
	for i := range t.NumField() {
		f := t.Field(i)
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() != reflect.Struct || parsers[inner] != nil {
			continue
		}
		if _, ok := fieldOf(inner, key); ok {
			return "did you mean " + f.Tag.Get("yaml") + ": { " + key + ": ... }?"
		}
	}
	return "known here: " + strings.Join(keysOf(t), ", ")
}

// suggest appends the near miss, if any, to the list of what is known.
func suggest(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	return oneOf(slices.DeleteFunc(slices.Clone(known), func(k string) bool { return k == "" }))
}

func oneOf(known []string) string {
	switch len(known) {
	case 0:
		return "none is defined"
	case 1:
		return "write " + known[0]
	}
	return "write one of " + strings.Join(known, ", ")
}

// nearest is the known word at most a third of its letters away, "" if none is.
func nearest(word string, known []string) string {
	best, least := "", 1+max(1, len(word)/3)
	if len(word) > 64 {
		return ""
	}
	lower := strings.ReplaceAll(strings.ToLower(word), "-", "_")
	for _, k := range known {
		if d := distance(lower, strings.ReplaceAll(strings.ToLower(k), "-", "_")); d < least && d < len(k) {
			best, least = k, d
		}
	}
	return best
}

// distance counts the letters to insert, remove, replace or swap with the next
// one (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
