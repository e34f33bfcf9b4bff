"""What analysts may call: an allow-list, so what a new engine brings is refused at first.

Left out on purpose: everything that reads files, addresses, dictionaries, other tables by name
(joinGet), settings, the host, or the log; sleep; AI and machine learning; functions that start
with two underscores. Names are compared in lower case.
"""

import re
from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.lower().split())


_ARITHMETIC: Final = _names("""
    abs byteSwap divide divideDecimal divideOrNull gcd ifNotFinite intDiv intDivOrNull intDivOrZero
    isFinite isInfinite isNaN lcm max2 min2 midpoint minus modulo moduloOrNull moduloOrZero mod
    multiply multiplyDecimal negate plus positiveModulo positiveModuloOrNull pmod sqr
    acos acosh asin asinh atan atan2 atanh cbrt cos cosh degrees e erf erfc exp exp10 exp2 factorial
    hypot intExp10 intExp2 lgamma ln log log10 log1p log2 pi pow power radians sigmoid sign sin sinh
    sqrt tan tanh tgamma widthBucket width_bucket
    ceil ceiling floor round roundAge roundBankers roundDown roundDuration roundToExp2 trunc
    truncate bitAnd bitCount bitHammingDistance bitNot bitOr bitRotateLeft bitRotateRight
    bitShiftLeft
    bitShiftRight bitSlice bitTest bitTestAll bitTestAny bitXor
""")

_LOGIC: Final = _names("""
    and or not xor equals notEquals greater greaterOrEquals less lessOrEquals isDistinctFrom
    isNotDistinctFrom in notIn globalIn globalNotIn nullIn notNullIn exists
    if multiIf caseWithExpression caseWithExpr caseWithoutExpression caseWithoutExpr clamp greatest
    least assumeNotNull coalesce firstNonDefault ifNull isNotNull isNull isNullable isZeroOrNull
    nullIf toNullable transform lambda materialize identity ignore
""")

_TIME: Final = _names("""
    UTCTimestamp YYYYMMDDToDate YYYYMMDDhhmmssToDateTime addDate addDays addHours addInterval
    addMicroseconds addMilliseconds addMinutes addMonths addNanoseconds addQuarters addSeconds
    addWeeks addYears age changeDay changeHour changeMinute changeMonth changeSecond changeYear
    curdate current_date current_timestamp dateDiff date_diff date_bin dateName dateTrunc date_trunc
    date_format datediff timestampDiff timestamp_diff time_bucket
    formatDateTime formatDateTimeInJodaSyntax fromUnixTimestamp fromUnixTimestamp64Micro
    fromUnixTimestamp64Milli fromUnixTimestamp64Nano fromUnixTimestamp64Second from_unixtime
    from_days to_days to_unixtime fromUTCTimestamp toUTCTimestamp from_utc_timestamp
    to_utc_timestamp last_day localtime localtimestamp makeDate makeDate32 makeDateTime
    makeDateTime64 monthName now now64 nowInBlock parseDateTime parseDateTimeOrNull
    parseDateTimeOrZero parseDateTimeBestEffort parseDateTimeBestEffortOrNull
    parseDateTimeBestEffortOrZero parseDateTime64BestEffort parseDateTime64BestEffortOrNull
    parseDateTime64BestEffortOrZero parseDateTime32BestEffort parseDateTimeInJodaSyntax str_to_date
    parseTimeDelta subDate subtractDays subtractHours subtractInterval subtractMicroseconds
    subtractMilliseconds subtractMinutes subtractMonths subtractNanoseconds subtractQuarters
    subtractSeconds subtractWeeks subtractYears timeDiff timeSlot timeSlots timestamp timezone
    timezoneOf timezoneOffset serverTimezone toDayOfMonth toDayOfWeek toDayOfYear toDaysInMonth
    toHour toISOWeek toISOYear toLastDayOfMonth toLastDayOfWeek toMicrosecond toMillisecond toMinute
    toMonday toMonth toMonthNumSinceEpoch toQuarter toRelativeDayNum toRelativeHourNum
    toRelativeMinuteNum toRelativeMonthNum toRelativeQuarterNum toRelativeSecondNum
    toRelativeWeekNum toRelativeYearNum toSecond toStartOfDay toStartOfFifteenMinutes
    toStartOfFiveMinutes toStartOfFiveMinute toStartOfHour toStartOfISOYear toStartOfInterval
    toStartOfMicrosecond toStartOfMillisecond toStartOfMinute toStartOfMonth toStartOfNanosecond
    toStartOfQuarter toStartOfSecond toStartOfTenMinutes toStartOfWeek toStartOfYear
    toTimeWithFixedDate toTimezone toUnixTimestamp toUnixTimestamp64Micro toUnixTimestamp64Milli
    toUnixTimestamp64Nano toUnixTimestamp64Second toWeek toYYYYMM toYYYYMMDD toYYYYMMDDhhmmss toYear
    toYearNumSinceEpoch toYearWeek today yesterday year quarter month week yearweek day dayofmonth
    dayofweek dayofyear hour minute second millisecond microsecond
    hop hopEnd hopStart tumble tumbleEnd tumbleStart
""")

_TEXT: Final = _names("""
    appendTrailingCharIfAbsent ascii base64Decode base64Encode base64URLDecode base64URLEncode
    tryBase64Decode basename byteHammingDistance char char_length character_length
    compareSubstrings concat concatAssumeInjective concatWithSeparator concat_ws countMatches
    countMatchesCaseInsensitive countSubstrings countSubstringsCaseInsensitive
    damerauLevenshteinDistance editDistance editDistanceUTF8 empty endsWith endsWithCaseInsensitive
    endsWithUTF8 extract extractAll extractAllGroups extractAllGroupsHorizontal
    extractAllGroupsVertical extractGroups extractKeyValuePairs firstLine format hasSubsequence
    hasSubsequenceCaseInsensitive hasToken hasTokenCaseInsensitive hex unhex bin unbin ilike like
    notLike notILike initcap initcapUTF8 instr isValidUTF8 isValidASCII jaroSimilarity
    jaroWinklerSimilarity lcase left leftPad leftPadUTF8 leftUTF8 length lengthUTF8
    levenshteinDistance levenshteinDistanceUTF8 locate lower lowerUTF8 lpad ltrim match notMatch mid
    multiMatchAny multiMatchAnyIndex multiSearchAny multiSearchAnyCaseInsensitive
    multiSearchFirstIndex multiSearchFirstPosition naturalSortKey ngramDistance ngramSearch ngrams
    normalizeUTF8NFC notEmpty octet_length overlay position positionCaseInsensitive
    positionCaseInsensitiveUTF8 positionUTF8 printf regexpExtract regexp_extract regexpQuoteMeta
    regexp_replace repeat replace replaceAll replaceOne replaceRegexpAll replaceRegexpOne reverse
    reverseUTF8 right rightPad rightPadUTF8 rightUTF8 rpad rtrim soundex space splitByChar
    splitByNonAlpha splitByRegexp splitByString splitByWhitespace splitByAlpha alphaTokens
    startsWith startsWithCaseInsensitive startsWithUTF8 stringJaccardIndex substr substring
    substringIndex substring_index substringUTF8 toValidUTF8 tokens translate translateUTF8 trim
    trimBoth trimLeft trimRight ucase upper upperUTF8 arrayStringConcat array_to_string
    formatReadableDecimalSize formatReadableQuantity formatReadableSize formatReadableTimeDelta
    format_bytes bar visibleWidth
    domain domainWithoutWWW path pathFull port protocol queryString extractURLParameter
    cutQueryString decodeURLComponent encodeURLComponent
""")

_JSON: Final = _names("""
    JSONExtract JSONExtractArrayRaw JSONExtractBool JSONExtractFloat JSONExtractInt JSONExtractKeys
    JSONExtractKeysAndValues JSONExtractKeysAndValuesRaw JSONExtractRaw JSONExtractString
    JSONExtractUInt JSONHas JSONKey JSONLength JSONArrayLength JSONType JSON_EXISTS JSON_QUERY
    JSON_VALUE JSONAllPaths isValidJSON toJSONString simpleJSONExtractBool simpleJSONExtractFloat
    simpleJSONExtractInt simpleJSONExtractRaw simpleJSONExtractString simpleJSONExtractUInt
    simpleJSONHas visitParamExtractBool visitParamExtractFloat visitParamExtractInt
    visitParamExtractRaw visitParamExtractString visitParamExtractUInt visitParamHas prettyPrintJSON
""")

_COLLECTIONS: Final = _names("""
    array arrayAll arrayAvg arrayCompact arrayConcat arrayCount arrayCumSum arrayCumSumNonNegative
    arrayDifference arrayDistinct arrayDotProduct arrayElement arrayElementOrNull arrayEnumerate
    arrayEnumerateDense arrayEnumerateUniq arrayExcept arrayExists arrayFill arrayFilter arrayFirst
    arrayFirstIndex arrayFirstOrNull arrayFlatten arrayFold arrayIntersect arrayJaccardIndex
    arrayJoin arrayLast arrayLastIndex arrayLastOrNull arrayMap arrayMax arrayMin arrayPartialSort
    arrayPopBack arrayPopFront arrayProduct arrayPushBack arrayPushFront arrayReduce
    arrayReduceInRanges arrayResize arrayReverse arrayReverseFill arrayReverseSort arrayReverseSplit
    arrayRotateLeft arrayRotateRight arrayShiftLeft arrayShiftRight arrayShuffle arraySlice
    arraySort arraySplit arraySum arraySymmetricDifference arrayUnion arrayUniq arrayWithConstant
    arrayZip arrayZipUnaligned countEqual emptyArrayString emptyArrayUInt8 emptyArrayFloat64 flatten
    has hasAll hasAny hasSubstr notHas indexOf range unnest
    map mapAdd mapAll mapApply mapConcat mapContains mapContainsKey mapContainsKeyLike mapExists
    mapExtractKeyLike mapFilter mapFromArrays mapKeys mapPopulateSeries mapReverseSort mapSort
    mapSubtract mapUpdate mapValues
    tuple tupleConcat tupleDivide tupleDivideByNumber tupleElement tupleMinus tupleMultiply
    tupleMultiplyByNumber tupleNames tupleNegate tuplePlus tupleToNameValuePairs
    bitmapAnd bitmapAndCardinality bitmapBuild bitmapCardinality bitmapContains bitmapHasAll
    bitmapHasAny bitmapMax bitmapMin bitmapOr bitmapOrCardinality bitmapToArray bitmapXor
""")

_CONVERSION: Final = _names("""
    CAST _CAST accurateCast accurateCastOrDefault accurateCastOrNull date reinterpretAsInt64
    reinterpretAsUInt64 reinterpretAsString toBool toDate toDate32 toDate32OrNull toDate32OrZero
    toDateOrNull toDateOrZero toDateTime toDateTime32 toDateTime64 toDateTime64OrNull
    toDateTime64OrZero toDateTimeOrNull toDateTimeOrZero toDecimal128 toDecimal32 toDecimal64
    toDecimal64OrNull toDecimal64OrZero toDecimalString toFixedString toFloat32 toFloat64
    toFloat64OrDefault toFloat64OrNull toFloat64OrZero toFloat32OrNull toFloat32OrZero toInt16
    toInt16OrNull toInt16OrZero toInt32 toInt32OrDefault toInt32OrNull toInt32OrZero toInt64
    toInt64OrDefault toInt64OrNull toInt64OrZero toInt8 toInt8OrNull toInt8OrZero toInt128 toInt256
    toInterval toIntervalDay toIntervalHour toIntervalMicrosecond toIntervalMillisecond
    toIntervalMinute toIntervalMonth toIntervalNanosecond toIntervalQuarter toIntervalSecond
    toIntervalWeek toIntervalYear toLowCardinality toString toTime toUInt16 toUInt16OrNull
    toUInt16OrZero toUInt32 toUInt32OrNull toUInt32OrZero toUInt64 toUInt64OrDefault toUInt64OrNull
    toUInt64OrZero toUInt8 toUInt8OrNull toUInt8OrZero toUInt128 toUInt256 toUUID toUUIDOrNull
    toUUIDOrZero toTypeName toColumnTypeName
    IPv4NumToString IPv4StringToNum IPv4StringToNumOrNull IPv4ToIPv6 isIPAddressInRange isIPv4String
    isIPv6String toIPv4 toIPv4OrNull toIPv6 toIPv6OrNull
""")

_OTHER: Final = _names("""
    CRC32 CRC64 MD5 SHA1 SHA256 cityHash64 farmHash64 halfMD5 intHash32 intHash64 murmurHash3_64
    sipHash128 sipHash64 xxHash32 xxHash64 xxh3 generateUUIDv4 rand rand32 rand64 randUniform
    randNormal geoDistance greatCircleDistance pointInEllipses pointInPolygon L1Distance L2Distance
    cosineDistance dotProduct finalizeAggregation runningConcurrency rowNumberInAllBlocks
    rowNumberInBlock seriesDecomposeSTL seriesOutliersDetectTukey grouping version currentDatabase
    current_database database
""")

SCALARS: Final = _ARITHMETIC | _LOGIC | _TIME | _TEXT | _JSON | _COLLECTIONS | _CONVERSION | _OTHER

AGGREGATES: Final = _names("""
    any anyHeavy anyLast any_value first_value last_value nth_value anyRespectNulls
    anyLastRespectNulls approx_top_count approx_top_k approx_top_sum argMax argMin max_by min_by
    array_agg avg avgWeighted bit_and bit_or bit_xor boundingRatio contingency corr corrStable count
    covarPop covarPopStable covarSamp covarSampStable covar_pop covar_samp cramersV cume_dist
    deltaSum deltaSumTimestamp dense_rank denseRank entropy exponentialMovingAverage
    exponentialTimeDecayedAvg exponentialTimeDecayedCount exponentialTimeDecayedMax
    exponentialTimeDecayedSum groupArray groupArrayInsertAt groupArrayIntersect groupArrayLast
    groupArrayMovingAvg groupArrayMovingSum groupArraySample groupArraySorted groupBitAnd groupBitOr
    groupBitXor groupBitmap groupBitmapAnd groupBitmapOr groupBitmapXor groupConcat group_concat
    groupUniqArray histogram intervalLengthSum kolmogorovSmirnovTest kurtPop kurtSamp lag lagInFrame
    largestTriangleThreeBuckets lttb lead leadInFrame mannWhitneyUTest max maxIntersections
    maxIntersectionsPosition meanZTest median medianBFloat16 medianDD medianDeterministic
    medianExact medianExactHigh medianExactLow medianExactWeighted medianGK
    medianInterpolatedWeighted medianTDigest medianTDigestWeighted medianTiming min
    nonNegativeDerivative ntile percentRank percent_rank quantile quantileBFloat16 quantileDD
    quantileDeterministic quantileExact quantileExactExclusive quantileExactHigh
    quantileExactInclusive quantileExactLow quantileExactWeighted quantileGK
    quantileInterpolatedWeighted quantileTDigest quantileTDigestWeighted quantileTiming
    quantileTimingWeighted quantiles quantilesBFloat16 quantilesDD quantilesDeterministic
    quantilesExact quantilesExactExclusive quantilesExactHigh quantilesExactInclusive
    quantilesExactLow quantilesExactWeighted quantilesGK quantilesInterpolatedWeighted
    quantilesTDigest quantilesTDigestWeighted quantilesTiming quantilesTimingWeighted rank rankCorr
    regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy
    retention row_number sequenceCount sequenceMatch sequenceNextNode simpleLinearRegression
    singleValueOrNull skewPop skewSamp sparkBar sparkbar std stddev stddevPop stddevPopStable
    stddevSamp stddevSampStable stddev_pop stddev_samp string_agg studentTTest sum sumCount sumKahan
    sumMapFiltered sumMappedArrays sumWithOverflow theilsU topK topKWeighted
    uniq uniqCombined uniqCombined64 uniqExact uniqHLL12 uniqUpTo varPop varPopStable varSamp
    varSampStable var_pop var_samp welchTTest windowFunnel
""")

TABLE_FUNCTIONS: Final = _names("numbers numbers_mt zeros values generateSeries generate_series")
"""What may stand after FROM besides tables: nothing that leaves the statement. `view` needs no
entry: a subquery says the same."""

_COMBINATOR: Final = re.compile(
    r"(?:if|array|map|distinct|ordefault|ornull|foreach|state|merge|simplestate|resample"
    r"|argmin|argmax|tuple)$"
)


def may_call(name: str) -> bool:
    """Whether analysts may call `name` outside of FROM. Aggregates may carry combinators."""
    name = name.lower()
    if name in SCALARS or name in AGGREGATES:
        return True
    while (match := _COMBINATOR.search(name)) and match.start():
        name = name[: match.start()]
        if name in AGGREGATES:
            return True
    return False
