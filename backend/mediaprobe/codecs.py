"""FFmpeg's names of sample entries, object types, FourCCs, CodecIDs and WAVE tags."""

from __future__ import annotations

_MP4_VIDEO = {
    "avc1 avc2 avc3 avc4 ai12 ai13 ai15 ai16 ai5p ai5q ai52 ai53 ai55 ai56 ai1p ai1q AVin xalg aivx rv64 "
    "avlg dva1 dvav svc1 svc2 mvc1 mvc2 mvc3 mvc4": "h264",
    "hvc1 hev1 hvc2 hev2 hvt1 dvh1 dvhe lhv1 lhe1": "hevc",
    "vvc1 vvi1": "vvc",
    "av01 dav1": "av1",
    "evc1": "evc",
    "apv1": "apv",
    "lvc1": "lcevc",
    "vp08": "vp8",
    "vp09": "vp9",
    "mp4v XVID xvid DIVX divx 3IV2 FMP4 DX50 m4s2": "mpeg4",
    "s263 h263 H263 M263": "h263",
    "H261 h261": "h261",
    "jpeg mjpa mjpg MJPG AVDJ avdj AVRn dmb1": "mjpeg",
    "mjpb": "mjpegb",
    "mjp2 mjs2 j2ki": "jpeg2000",
    "apch apcn apcs apco ap4h ap4x": "prores",
    "AVdn AVdh": "dnxhd",
    "m1v1 m1v mpeg mp1v mpg1 mx1p": "mpeg1video",
    "m2v1 mp2v mpg2 hdv1 hdv2 hdv3 hdv4 hdv5 hdv6 hdv7 hdv8 hdv9 hdva hdvb hdvc hdvd hdve hdvf mx5n mx5p "
    "mx4n mx4p mx3n mx3p xdv1 xdv2 xdv3 xdv4 xdv5 xdv6 xdv7 xdv8 xdv9 xdva xdvb xdvc xdvd xdve xdvf xd5a xd5b "
    "xd5c xd5d xd5e xd5f xd59 xd54 xd55 xd51 xdhd xdh2 AVmp": "mpeg2video",
    "dvc dvcp dvl dvlp dvpp dv5p dv5n dvhp dvhq dvh2 dvh3 dvh4 dvh5 dvh6 dv1n dv1p dvsd dvis AVdv AVd1": "dvvideo",
    "SVQ1 svq1 svqi": "svq1",
    "SVQ3": "svq3",
    "cvid": "cinepak",
    "rle": "qtrle",
    "rpza azpr": "rpza",
    "smc": "smc",
    "8BPS": "8bps",
    "png MNG": "png",
    "tiff": "tiff",
    "gif": "gif",
    "raw yuv2 2vuy 2Vuy yuvs UYVY YUYV L555 L565 B565 24BG BGRA RGBA ABGR b16g b48r b64a bxbg bxrg bxyv NO16 "
    "DVOO R420 R411 WRAW AV1x AVup BGGR": "rawvideo",
    "v210 bxy2": "v210",
    "v308": "v308",
    "v408": "v408",
    "v410": "v410",
    "yuv4": "yuv4",
    "R10k R10g": "r10k",
    "r210": "r210",
    "AVUI": "avui",
    "AVrp SUDS": "avrp",
    "Y41P": "y41p",
    "Y216": "targa_y216",
    "tga": "targa",
    "sgi": "sgi",
    "dpx": "dpx",
    "exr": "exr",
    "flic": "flic",
    "rle1": "sgirle",
    "qdrw": "qdraw",
    "QkBk": "cdtoons",
    "DXD3 DXDI": "dxv",
    "Shr0 Shr1 Shr2 Shr3 Shr4 Shr5 Shr6 Shr7": "sheervideo",
    "pxlt": "pixlet",
    "nclc": "notchlc",
    "601N 601P dtnt dtNT dtpa dtPA": "media100",
    "duck": "truemotion1",
    "3IVD": "msmpeg4v3",
    "WRLE": "msrle",
    "VP31": "vp3",
    "VP6F": "vp6f",
    "vc-1 ovc1 dvc1": "vc1",
    "drac": "dirac",
    "icod": "aic",
    "Hap1 Hap5 HapY HapM HapA": "hap",
    "CFHD": "cfhd",
    "IV50": "indeo5",
    "IV41": "indeo4",
    "FFV1": "ffv1",
    "cavs avs2": "cavs",
    "SP5X": "sp5x",
    "UCOD": "clearvideo",
    "M0R0 M0RA M0RG M0Y0 M0Y2 M0Y4 M2RA M2RG M4RA M4RG M8RG M8RA M8G0 M8Y0 M8Y2 M8Y4 M8YA": "magicyuv",
}

_MP4_AUDIO = {
    "mp4a": "aac",
    "alac": "alac",
    "ac-3 sac3": "ac3",
    "ec-3": "eac3",
    "ac-4": "ac4",
    "Opus": "opus",
    "fLaC": "flac",
    ".mp1": "mp1",
    ".mp2": "mp2",
    ".mp3 mp3": "mp3",
    "dtsc dtsh dtsl dtse dtsx dtsy DTS": "dts",
    "mlpa": "truehd",
    "mha1 mha2 mhm1 mhm2": "mpegh_3d_audio",
    "samr": "amr_nb",
    "sawb": "amr_wb",
    # DV audio, which FFmpeg decodes while it reads the file
    "sowt vdva dvca": "pcm_s16le",
    "twos": "pcm_s16be",
    "23ni": "pcm_s24le",
    "in24": "pcm_s24be",
    "in32": "pcm_s32be",
    "fl32 FL32": "pcm_f32be",
    "fl64 FL64": "pcm_f64be",
    "23lf": "pcm_f32le",
    "46lf": "pcm_f64le",
    "ulaw": "pcm_mulaw",
    "alaw": "pcm_alaw",
    "raw": "pcm_u8",
    "NONE": "pcm_u8",
    "ima4": "adpcm_ima_qt",
    "MAC3": "mace3",
    "MAC6": "mace6",
    "QDM2": "qdm2",
    "QDMC": "qdmc",
    "Qclp Qclq sqcp": "qcelp",
    "agsm": "gsm",
    "sevc": "evrc",
    "ssmv": "smv",
    "spex SPXN": "speex",
    "wma WMA2 owma": "wmav2",
    "nmos NELL": "nellymoser",
    "ilbc": "ilbc",
    "g726": "adpcm_g726",
}

# objectTypeIndication of an `esds` (ISO/IEC 14496-1 Table 5, mp4ra.org).
_OBJECT_TYPES = {
    0x20: "mpeg4",
    0x21: "h264",
    0x23: "hevc",
    0x40: "aac",
    **dict.fromkeys(range(0x60, 0x66), "mpeg2video"),
    **dict.fromkeys(range(0x66, 0x69), "aac"),
    0x69: "mp3",
    0x6A: "mpeg1video",
    0x6B: "mp3",
    0x6C: "mjpeg",
    0x6D: "png",
    0x6E: "jpeg2000",
    0xA3: "vc1",
    0xA4: "dirac",
    0xA5: "ac3",
    0xA6: "eac3",
    0xA9: "dts",
    0xAD: "opus",
    0xB1: "vp9",
    0xC1: "flac",
    0xDD: "vorbis",
    0xE1: "qcelp",
}

_AVI_VIDEO = {
    "H264 h264 X264 x264 avc1 AVC1 DAVC SMV2 VSSH Q264 V264 GAVC UMSV tshd INMC": "h264",
    "HEVC hevc H265 h265 X265 hev1 hvc1": "hevc",
    "AV01 av01": "av1",
    "VP80 vp80": "vp8",
    "VP90 vp90": "vp9",
    "FMP4 fmp4 DIVX divx DX50 dx50 XVID xvid MP4S mp4s M4S2 m4s2 mp4v MP4V RMP4 3IV2 3iv2 UMP4 BLZ0 XVIX FFDS "
    "DVX1 DVX2 DVX3 SEDG WV1F PVMM ZMP4 DIV1 WAWV FVFW DCOD MVXM PM4V SMP4 DXGM VIDM M4T3 GEOX G264 HDX4 DM4V "
    "DMK2 DYM4 DIGI EPHV EM4A M4CC SN40 VSPX ULDX GEOV SIPP SM4V DreX QMP4 PLV1 GLV4 GMP4 MNM4 GTM4": "mpeg4",
    "MP43 mp43 DIV3 div3 MPG3 mpg3 DIV4 DIV5 DIV6 DVX3 AP41 COL0 COL1": "msmpeg4v3",
    "MP42 mp42 DIV2": "msmpeg4v2",
    "MPG4 mpg4 MP41": "msmpeg4v1",
    "H263 h263 X263 T263 L263 VX1K ZyGo M263 lsvm VSM4": "h263",
    "U263": "h263",
    "I263": "h263i",
    "H261": "h261",
    "MJPG mjpg LJPG JPEG jpeg AVDJ ADJV mjpa dmb1 IJPG MMJP AVRN ACDV QIVG SLMJ CJPG IJLV MVJP AVI1 AVI2 MTSJ "
    "ZJPG MSC2 JR24 JPGL": "mjpeg",
    "dvsd DVSD dvhd dvh1 dvsl dv25 dv50 cdvc cdv5 dvis pdvc CDVC CDV5 DVCS CDVH dvcs SL25 SLDV AVd1": "dvvideo",
    "mpg1 MPG1 PIM1 VCR2 mpeg BW10 XMPG": "mpeg1video",
    "mpg2 MPG2 em2v EM2V MPEG slif SLIF PIM2 LMP2 DVR MMES M701 M702 M703 M704 M705 mpgv": "mpeg2video",
    "HFYU": "huffyuv",
    "FFVH": "ffvhuff",
    "FFV1": "ffv1",
    "cvid": "cinepak",
    "CRAM cram MSVC msvc WHAM wham": "msvideo1",
    "IV31 IV32": "indeo3",
    "IV41 iv41": "indeo4",
    "IV50 iv50": "indeo5",
    "I420 IYUV YV12 YUY2 YUYV UYVY HDYC Y422 V422 YVYU Y800 GREY NV12 NV21 DIB RGB BGR yuv2 UYNV UYNY uyv1 "
    "2Vu1 2vuy Y8 Y41B Y42B YUV9 YVU9 auv2 YUNV P422 YV16 YV24 VYUY VDTZ Y411 I422 I444 RGB2 RV15 RV16 RV24 "
    "RV32 RGBA AV32": "rawvideo",
    "v210 C210": "v210",
    "MRLE mrle": "msrle",
    "VP30 VP31": "vp3",
    "VP50": "vp5",
    "VP60 VP61 VP62": "vp6",
    "VP6F FLV4": "vp6f",
    "FLV1 S263": "flv1",
    "WMV1": "wmv1",
    "WMV2 GXVE": "wmv2",
    "WMV3": "wmv3",
    "WVC1 WMVA": "vc1",
    "THEO theo": "theora",
    "MPNG PNG1 png": "png",
    "LAGS": "lagarith",
    "ULRA ULRG ULY0 ULY2 ULY4 ULH0 ULH2 ULH4 UQY0 UQY2 UQRA UQRG UMY2 UMH2 UMY4 UMH4 UMRA UMRG": "utvideo",
    "tscc": "tscc",
    "TSC2": "tscc2",
    "CSCD": "cscd",
    "ZMBV": "zmbv",
    "MJ2C mjp2 LJ2C LJ2K IPJ2 AVj2": "jpeg2000",
    "drac": "dirac",
    "snow SNOW": "snow",
    "apch apcn apcs apco ap4h": "prores",
    "AVdn AVdh": "dnxhd",
    "SVQ1": "svq1",
    "SVQ3": "svq3",
    "RT21": "indeo2",
    "CFHD": "cfhd",
    "MSS1": "mss1",
    "MSS2": "mss2",
    "ASV1": "asv1",
    "ASV2": "asv2",
    "VCR1": "vcr1",
    "CLJR": "cljr",
    "Hap1 Hap5 HapY": "hap",
    "G2M2 G2M3 G2M4 G2M5": "g2m",
    "FPS1": "fraps",
    "MAGY M8RG M8RA M8G0 M8Y0 M8Y2 M8Y4 M8YA M0RA M0RG M0G0 M0Y0 M0Y2 M0Y4 M2RA M2RG": "magicyuv",
    "012v a12v": "012v",
    "4XMV": "4xm",
    "AAS4 AASC": "aasc",
    "AGM0 AGM1 AGM2 AGM3 AGM4 AGM5 AGM6 AGM7": "agm",
    "AMVF": "amv",
    "ARBC": "arbc",
    "AURA": "aura",
    "AUR2": "aura2",
    "AVRn": "avrn",
    "AYUV": "ayuv",
    "CAVS": "cavs",
    "CLLC": "cllc",
    "CYUV": "cyuv",
    "xtor": "dxtory",
    "E130": "escape130",
    "FICV": "fic",
    "FSV1": "flashsv",
    "AFLC": "flic",
    "FMVC": "fmvc",
    "FRWU": "frwu",
    "CUVC": "hq_hqa",
    "CHQX": "hqx",
    "HYMT": "hymt",
    "MJLS": "jpegls",
    "KGV1": "kgv1",
    "KMVC": "kmvc",
    "LOCO": "loco",
    "M101 M102": "m101",
    "LM20": "mimic",
    "MSZH": "mszh",
    "MTS2": "mts2",
    "MVDV": "mvdv",
    "MVHA": "mvha",
    "BT20": "prosumer",
    "QPEG Q1.0 Q1.1": "qpeg",
    "R10k R10g": "r10k",
    "r210": "r210",
    "RPZA": "rpza",
    "RV40": "rv40",
    "SHQ0 SHQ1 SHQ2 SHQ3 SHQ4 SHQ5 SHQ7 SHQ9": "speedhq",
    "tga": "targa",
    "DUCK PVEZ": "truemotion1",
    "TM20": "truemotion2",
    "ULTI": "ulti",
    "v308": "v308",
    "v408": "v408",
    "VBLE": "vble",
    "VIXL": "vixl",
    "VMnc": "vmnc",
    "VP40": "vp4",
    "VP6A": "vp6a",
    "VP70 VP71": "vp7",
    "WNV1 YUV8": "wnv1",
    "Xxan": "xan_wc4",
    "Y41P": "y41p",
    "ZECO": "zerocodec",
    "ZLIB": "zlib",
    "SP54": "sp5x",
}

# Registered WAVE format tags (RFC 2361 and mmreg.h).
_WAVE_TAGS = {
    0x0002: "adpcm_ms",
    0x0006: "pcm_alaw",
    0x0007: "pcm_mulaw",
    0x000A: "wmavoice",
    0x0011: "adpcm_ima_wav",
    0x0020: "adpcm_yamaha",
    0x0022: "truespeech",
    0x0031: "gsm_ms",
    0x0032: "gsm_ms",
    0x0045: "adpcm_g726",
    0x0050: "mp2",
    0x0055: "mp3",
    0x0057: "amr_nb",
    0x0058: "amr_wb",
    0x0061: "adpcm_ima_dk4",
    0x0062: "adpcm_ima_dk3",
    0x0069: "adpcm_ima_wav",
    0x0075: "metasound",
    0x00FF: "aac",
    0x0130: "sipr",
    0x0160: "wmav1",
    0x0161: "wmav2",
    0x0162: "wmapro",
    0x0163: "wmalossless",
    0x0200: "adpcm_ct",
    0x0270: "atrac3",
    0x0401: "imc",
    0x0402: "iac",
    0x1500: "gsm_ms",
    0x1501: "truespeech",
    0x1600: "aac",
    0x1602: "aac_latm",
    0x1610: "aac",
    0x2000: "ac3",
    0x2001: "dts",
    0x2048: "sonic",
    0x6750: "vorbis",
    0x566F: "vorbis",
    0x674F: "vorbis",
    0x6751: "vorbis",
    0x676F: "vorbis",
    0x6770: "vorbis",
    0x6771: "vorbis",
    0x704F: "opus",
    0x706D: "aac",
    0x4143: "aac",
    0xA106: "aac",
    0xA109: "speex",
    0xF1AC: "flac",
    # The first bytes of SubFormats that are no WAVE tags
    0x802B: "mp2",
    0x802C: "ac3",
    0x87AF: "eac3",
    0xAABF: "atrac3p",
}
_WAVE_PCM, _WAVE_FLOAT = 0x0001, 0x0003
WAVE_EXTENSIBLE = 0xFFFE

_MATROSKA = {
    "V_AV1": "av1",
    "V_AVS2": "avs2",
    "V_DIRAC": "dirac",
    "V_FFV1": "ffv1",
    "V_MJPEG": "mjpeg",
    "V_MPEG1": "mpeg1video",
    "V_MPEG2": "mpeg2video",
    "V_MPEG4/ISO/ASP": "mpeg4",
    "V_MPEG4/ISO/AP": "mpeg4",
    "V_MPEG4/ISO/SP": "mpeg4",
    "V_MPEG4/ISO/AVC": "h264",
    "V_MPEGH/ISO/HEVC": "hevc",
    "V_MPEGI/ISO/VVC": "vvc",
    "V_MPEG4/MS/V3": "msmpeg4v3",
    "V_PRORES": "prores",
    "V_REAL/RV10": "rv10",
    "V_REAL/RV20": "rv20",
    "V_REAL/RV30": "rv30",
    "V_REAL/RV40": "rv40",
    "V_SNOW": "snow",
    "V_THEORA": "theora",
    "V_UNCOMPRESSED": "rawvideo",
    "V_VP8": "vp8",
    "V_VP9": "vp9",
    "A_AAC": "aac",
    "A_AC3": "ac3",
    "A_ALAC": "alac",
    "A_DTS": "dts",
    "A_EAC3": "eac3",
    "A_FLAC": "flac",
    "A_MLP": "mlp",
    "A_MPEG/L1": "mp1",
    "A_MPEG/L2": "mp2",
    "A_MPEG/L3": "mp3",
    "A_OPUS": "opus",
    "A_OPUS/EXPERIMENTAL": "opus",
    "A_QUICKTIME/QDM2": "qdm2",
    "A_QUICKTIME/QDMC": "qdmc",
    "A_REAL/14_4": "ra_144",
    "A_REAL/28_8": "ra_288",
    "A_REAL/ATRC": "atrac3",
    "A_REAL/COOK": "cook",
    "A_REAL/SIPR": "sipr",
    "A_TRUEHD": "truehd",
    "A_TTA1": "tta",
    "A_VORBIS": "vorbis",
    "A_WAVPACK4": "wavpack",
}


def _by_fourcc(table: dict[str, str]) -> dict[bytes, str]:
    return {code.encode().ljust(4): name for codes, name in table.items() for code in codes.split()}


_MP4_VIDEO_CODES = _by_fourcc(_MP4_VIDEO)
_MP4_AUDIO_CODES = _by_fourcc(_MP4_AUDIO)
_AVI_VIDEO_CODES = _by_fourcc(_AVI_VIDEO)
# BI_RGB, BI_RLE8, BI_RLE4 and BI_BITFIELDS, and the WAVE tags of MPEG video that some recorders write
_AVI_NUMBERS = {
    **dict.fromkeys((0, 3), "rawvideo"),
    **dict.fromkeys((1, 2), "msrle"),
    **dict.fromkeys((4, 0x10000004), "mpeg4"),
    0x10000001: "mpeg1video",
    0x10000002: "mpeg2video",
}


def _named(fourcc: bytes, *tables: dict[bytes, str]) -> str:
    """Return the name of the code in the first table that has it, if need be in other letters, as in FFmpeg."""
    for table in tables:
        name = table.get(fourcc) or table.get(fourcc.upper()) or table.get(fourcc.lower())
        if name is not None:
            return name
    return printable(fourcc)


def mp4_video(fourcc: bytes) -> str:
    return _named(fourcc, _MP4_VIDEO_CODES, _AVI_VIDEO_CODES)


def is_mp4_video(fourcc: bytes) -> bool:
    return fourcc in _MP4_VIDEO_CODES or fourcc in _AVI_VIDEO_CODES


def mp4_audio(fourcc: bytes) -> str:
    # QuickTime writes WAVE tags as `ms` and two bytes.
    if fourcc[:2] == b"ms":
        return wave_audio(int.from_bytes(fourcc[2:], "big"), bits=16)
    return _named(fourcc, _MP4_AUDIO_CODES)


def object_type(indication: int) -> str | None:
    return _OBJECT_TYPES.get(indication)


def avi_video(fourcc: bytes) -> str:
    number = int.from_bytes(fourcc, "little")
    if number in _AVI_NUMBERS:
        return _AVI_NUMBERS[number]
    return _named(fourcc, _AVI_VIDEO_CODES, _MP4_VIDEO_CODES)


def wave_audio(tag: int, bits: int) -> str:
    if tag in (_WAVE_PCM, _WAVE_FLOAT):
        return pcm(bits, big_endian=False, floating=tag == _WAVE_FLOAT, signed=bits > 8)
    return _WAVE_TAGS.get(tag) or f"0x{tag:04x}"


def pcm(bits: int, *, big_endian: bool, floating: bool = False, signed: bool = True) -> str:
    width = next((w for w in (8, 16, 24, 32, 64) if bits <= w), 64)
    if floating:
        width = max(width, 32)
    kind = "f" if floating else "s" if signed else "u"
    return f"pcm_{kind}{width}" + ("" if width == 8 else "be" if big_endian else "le")


def matroska(codec_id: str, bit_depth: int) -> str:
    """Return the name of a CodecID. Suffixes after the registered name, as in `A_AAC/MPEG4/LC`, are dropped."""
    if codec_id.startswith("A_PCM/"):
        return pcm(
            bit_depth or (32 if "FLOAT" in codec_id else 16),
            big_endian="BIG" in codec_id,
            floating="FLOAT" in codec_id,
            signed=bit_depth != 8,
        )
    name = codec_id
    while name:
        if name in _MATROSKA:
            return _MATROSKA[name]
        name = name.rpartition("/")[0]
    return printable(codec_id.encode("ascii", "replace"))


def printable(code: bytes) -> str:
    """Return an unknown code as text, or in hexadecimal if it is not printable."""
    text = code[:32].decode("latin-1").strip()
    return text if text and text.isascii() and text.isprintable() else "0x" + code[:8].hex()
