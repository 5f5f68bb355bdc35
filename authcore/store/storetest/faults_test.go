package storetest_test

// A fault is a planted mistake.
type fault string

const (
	none fault = "none"

	// Of transactions.
	blindCommit    fault = "what was read is not checked at the commit (a check in a View, then an Update)"
	onlyWritten    fault = "only what is written as well is checked at the commit"
	absentIgnored  fault = "absent entries are not checked at the commit"
	deletedIgnored fault = "entries deleted since are not checked at the commit"
	liveGet        fault = "Get reads what is there now"
	liveScan       fault = "Scan reads what is there now"
	stepwise       fault = "each write takes effect at once"
	inPieces       fault = "one write of a commit takes effect later"
	keptWrites     fault = "the writes of an earlier run are kept"
	blindToOwn     fault = "Get does not see the writes of its run"
	serial         fault = "one Update at a time"
	endless        fault = "no bound of runs"
	gaveUp         fault = "a conflict is reported as success"
	late           fault = "a commit takes effect later"

	// Of the function's end.
	errorKept      fault = "an error does not drop the writes"
	errorWrapped   fault = "the function's error is wrapped"
	panicSwallowed fault = "a panic is swallowed"
	panicKept      fault = "a panic does not drop the writes"
	swallowed      fault = "a failure that the function swallows is lost"
	endlessReader  fault = "Reader and Writer work after their end"

	// Of entries.
	sharedOnPut     fault = "Put keeps the caller's slice"
	sharedOnGet     fault = "Get returns the store's slice"
	sharedOnScan    fault = "Scan yields the store's slice"
	emptyIsAbsent   fault = "an empty value is an absent entry"
	nilIsKept       fault = "an empty value is read as nil"
	deleteForgotten fault = "Delete does nothing"
	notSorted       fault = "Scan is not in order"
	runesSorted     fault = "Scan is in the order of lower case"
	prefixEnd       fault = "a prefix of 0xff has no end"
	prefixExact     fault = "Scan leaves out the key that is the prefix"
	prefixLoose     fault = "Scan goes on behind the prefix"
	afterIgnored    fault = "Scan begins at the beginning whatever it is to go on after"
	afterIncluded   fault = "Scan yields once more the key to go on after"
	afterAsPrefix   fault = "Scan leaves out the keys that begin with the one to go on after"
	afterEnds       fault = "Scan yields nothing after a key that comes before the prefix"
	afterSkipped    fault = "Scan reads what comes before the key to go on after"
	textOnly        fault = "keys end at a zero byte"

	// Of limits, expiry, context and closing.
	noKeyLimit    fault = "a key may be of any length"
	noValueLimit  fault = "a value may be of any length"
	noTouchLimit  fault = "an Update may touch any number of keys"
	noWriteLimit  fault = "an Update may write any number of bytes"
	countsTwice   fault = "a key written twice counts twice"
	wholeSeconds  fault = "expiries are cut to whole seconds"
	expiryKept    fault = "an earlier expiry stays with the entry"
	contextUnseen fault = "the context is not looked at"
	contextFirst  fault = "the context is looked at before the first run only"
	contextScan   fault = "the context is not looked at in a Scan"
	openForever   fault = "Close does nothing"
	closeHasty    fault = "Close does not wait"
	closeTwice    fault = "a second Close fails"
	closeBlocks   fault = "newcomers wait for Close instead of being turned away"

	// Of followers.
	nobodyTold  fault = "followers are told nothing"
	deletesMute fault = "followers are not told of deletions"
	oneFollower fault = "only the last follower is told"
	toldLater   fault = "followers are told after Update has returned"
	closeMute   fault = "followers are not told of Close"
	toldEarly   fault = "followers are told before the commit"

	// Of durable engines.
	lastLost     fault = "the last commit is lost when the store is closed"
	deletesLost  fault = "deletions are lost when the store is closed"
	droppedKept  fault = "dropped writes are there after the store is opened again"
	emptiedAgain fault = "opening starts afresh"
)
