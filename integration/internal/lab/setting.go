package lab

import (
	"os"
	"strconv"
	"testing"
)

// Setting is a count that the environment may give: how often, how many, how fast.
func Setting(t testing.TB, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is no count", name, text)
	}
	return n
}
