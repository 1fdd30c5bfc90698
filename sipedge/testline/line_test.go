package testline

import (
	"strings"
	"testing"
	"time"
)

func TestLineNames(t *testing.T) {
	for name, want := range map[string]Line{
		"milliwatt":                            {},
		"ECHO":                                 {Content: Echo},
		"readback.hangup-after-90":             {Content: Readback, HangUpAfter: 90 * time.Second},
		"answer-after-5":                       {AnswerAfter: 5 * time.Second},
		"meter.answer-after-5.hangup-after-10": {Content: Meter, AnswerAfter: 5 * time.Second, HangUpAfter: 10 * time.Second},
		"hangup-after-3600":                    {HangUpAfter: time.Hour},
		"reject-503":                           {Code: 503},
		"reject-480.answer-after-180":          {Code: 480, AnswerAfter: 3 * time.Minute},
		"announce-404":                         {Content: Announce, Code: 404},
		"busy":                                 {Code: 486},
		"ring":                                 {Rings: true},
		"silence":                              {Content: Silence},
		"milliwatt.hangup-after-7.answer-after-1": {AnswerAfter: time.Second, HangUpAfter: 7 * time.Second},
	} {
		if got, err := Parse(name); err != nil || got != want {
			t.Errorf("%s is %+v, %v", name, got, err)
		}
	}
}

func TestLineNamesAreStrict(t *testing.T) {
	for name, says := range map[string]string{
		"": "is no test line", "milliwat": "there are milliwatt, silence", "echo.": "is no test line", "echo.milliwatt": "is no test line",
		"reject-200": "from 400 to 699", "reject-401": "other than 401", "reject-": "is no test line", "reject--5": "is no test line", "reject-00000404": "is no test line",
		"announce-302": "from 400 to 699", "echo.reject-404": "stands there twice", "answer-after-0": "from 1 to 180", "answer-after-181": "from 1 to 180",
		"hangup-after-3601": "from 1 to 3600", "hangup-after-5.hangup-after-6": "stands there twice",
		"busy.hangup-after-5": "never answers", "ring.hangup-after-5": "never answers", "ring.answer-after-5": "rings for ever", "+12025550100": "is no test line",
	} {
		if _, err := Parse(name); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", name, err, says)
		}
	}
}
