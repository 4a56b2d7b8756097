"""Which characters and words a Chinese text must not have."""

from __future__ import annotations

import re

# Old character sets that hold, by design, the characters of one script alone.
_CHARSETS = {"zh": "gb2312", "zh-TW": "big5"}
_WORDS_OF_THE_OTHER = {
    "zh": "金钥|伺服器|工作流程|储存|设定|预设|资讯|网路|档案|资料夹|呼叫|逾时|建立|萤幕|软体|程式",
    "zh-TW": "密鑰|服務器|工作流(?!程)|保存|設置|默認|信息|網絡|文件夾|調用|超時|創建|屏幕|軟件|程序|視頻|緩存|賬|數據",
}
_HAN = re.compile("[\u3400-\u9fff]")


def other_script(text: str, language: str) -> set[str]:
    """Characters that only the other script has."""
    return {char for char in _HAN.findall(text) if not char.encode(_CHARSETS[language], "ignore")}


def other_words(text: str, language: str) -> list[str]:
    """Words of the other side of the strait."""
    return re.findall(_WORDS_OF_THE_OTHER[language], text)
