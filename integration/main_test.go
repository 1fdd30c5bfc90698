package integration

import (
	"testing"

	"github.com/speakops/sipedge/integration/internal/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }
