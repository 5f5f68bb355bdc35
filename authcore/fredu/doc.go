// Package fredu is the vocabulary in which French education tells an application
// what a person is to which school: the attributes FrEduRne, FrEduRneResp,
// FrEduResDel and FrEduGestResp, and the simple ones beside them. It parses and
// prints them, and knows which are in force on a day. It knows no person, no
// header and no clock.
//
// The académies' RSA Access Manager (ClearTrust) hands them to applications as
// HTTP headers, in which several values are separated by commas; the ministry's
// identity provider hands out the same ones as OpenID Connect claims, in which
// they are arrays of strings. No comma can stand in a value, therefore.
//
// There is no public specification. The forms are those that public
// applications read and that stand in their tests: betagouv/aplypro,
// mission-apprentissage/orion, Besançon's AuthBundle, and the ClearTrust bundle of
// ac-toulouse:
//
//	FrEduRne      UAI $ type $ sector $ function $ UAI of the unit $ T digit $ kind $ nature
//	              0693045K$UAJ$PU$ADM$0693045K$T3$LP$320
//	FrEduRneResp  UAI $ type $ sector $ activity $ T digit $ kind $ nature, or X for none
//	              0441550W$UAJ$PU$N$T3$CLG$340
//	FrEduResDel   application | resource | begin | end | who delegates |
//	              FrEduRneResp=value;value… | server | value |
//	FrEduGestResp begin $ end $ … $ application
//
// What is parsed prints as it was. What would not is refused, with a sentence
// that says why.
package fredu
